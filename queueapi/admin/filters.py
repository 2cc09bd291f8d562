"""Filters of the admin's lists."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import EARLIEST, LATEST

# Duration of a bound by the length of its text: `2026-11-24` is a day, `2026-11-24T10:03` a minute.
UNITS = {10: timedelta(days=1), 16: timedelta(minutes=1)}


class BetweenFilter(admin.ListFilter):
    """Filter by a time between two bounds, which are inclusive, optional and in ISO 8601.

    The URL has them as `<parameter_name>_from` and `<parameter_name>_to`.
    """

    template = "queueapi/between_filter.html"
    parameter_name: str
    field_name: str

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.error: Any = ""
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1].strip()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [f"{self.parameter_name}_from", f"{self.parameter_name}_to"]

    def text(self, end: str) -> str:
        return str(self.used_parameters.get(f"{self.parameter_name}_{end}", ""))

    def choices(self, changelist: Any) -> Iterator[Any]:
        own = self.expected_parameters()
        for end, label in (("from", _("From")), ("to", _("To"))):
            yield {"name": f"{self.parameter_name}_{end}", "label": label, "value": self.text(end)}
        self.other_parameters = [
            (name, value)
            for name, values in changelist.filter_params.items()
            for value in values
            if name not in own
        ]
        self.clear_url = changelist.get_query_string(remove=own) if self.used_parameters else ""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        try:
            first, last = self.bound("from"), self.bound("to")
        except ValueError:
            # An action on the whole list would change more rows than the user meant.
            self.error = _("Not a date and time. Nothing is shown.")
            return queryset.none()
        if last is not None:
            last += UNITS.get(len(self.text("to")), timedelta(seconds=1))
            last -= timedelta(microseconds=1)
        return self.between(queryset, first, last)

    def bound(self, end: str) -> datetime | None:
        if not (text := self.text(end)):
            return None
        bound = parse_datetime(text)
        # A year below the last one leaves room for the duration of the bound.
        if bound is None or bound.tzinfo or not EARLIEST.year <= bound.year < LATEST.year:
            raise ValueError(text)
        return bound

    def between(
        self, queryset: QuerySet, first: datetime | None, last: datetime | None
    ) -> QuerySet:
        """Hook: return the rows from `first` to `last`, for example of an expression."""
        bounds = {f"{self.field_name}__gte": first, f"{self.field_name}__lte": last}
        return queryset.filter(**{lookup: bound for lookup, bound in bounds.items() if bound})
