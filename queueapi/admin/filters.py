"""Filters of the admin's lists."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import EARLIEST, LATEST

# Duration of a bound by the length of its text: `2026-11-24` is a day, `2026-11-24T10:03` a minute.
UNITS = {10: timedelta(days=1), 16: timedelta(minutes=1)}
# Bounds by their text in the URL, which are relative to the time of the request.
QUICK: dict[str, tuple[Any, Callable[[datetime], datetime]]] = {
    "1h": (_("Last hour"), lambda now: now - timedelta(hours=1)),
    "today": (_("Today"), lambda now: datetime.combine(now, time())),
    "7d": (_("Last 7 days"), lambda now: now - timedelta(days=7)),
}
MAX_CHOICES = 10


class SeveralChoicesFilter(admin.ChoicesFieldListFilter):
    """Filter by one or more values of a field with choices; a click adds or removes one.

    `?status__in=NEW` means the same as `?status__exact=NEW`.
    """

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, *args: Any, field_path: str
    ) -> None:
        exact, self.in_kwarg = f"{field_path}__exact", f"{field_path}__in"
        values = [*params.pop(exact, []), *",".join(params.pop(self.in_kwarg, [])).split(",")]
        self.chosen = list(filter(None, dict.fromkeys(values)))
        if len(self.chosen) > MAX_CHOICES:
            raise IncorrectLookupParameters
        if self.chosen:
            params[exact] = self.chosen
        super().__init__(field, request, params, *args, field_path)  # type: ignore[call-arg]  # in args

    def expected_parameters(self) -> list[str | None]:
        return [*super().expected_parameters(), self.in_kwarg]

    def choices(self, changelist: Any) -> Iterator[Any]:
        def url(values: set[str]) -> str:
            # One parameter: Django loses all but one of several with the same name on the way
            # into a row and back.
            new = {self.lookup_kwarg: None, self.in_kwarg: ",".join(sorted(values)) or None}
            return str(changelist.get_query_string(new))

        everything, *choices = super().choices(changelist)
        yield {**everything, "query_string": url(set())}
        for choice, (value, _label) in zip(choices, self.field.flatchoices, strict=True):
            yield {**choice, "query_string": url({*self.chosen} ^ {value})}


class FormFilter(admin.ListFilter):
    """Filter by what the user types into the inputs of a form."""

    template = "queueapi/form_filter.html"
    parameter_name: str
    used_parameters: Any  # the text of each parameter, which may be empty
    help_text: Any = ""
    error: Any = ""
    links: Iterable[tuple[Any, str, bool]] = ()  # text, URL, and whether the rows are those

    def __init__(self, request: HttpRequest, params: dict[Any, list[str]], *args: Any) -> None:
        super().__init__(request, params, *args)
        for name in self.expected_parameters():
            self.used_parameters[name] = params.pop(name, [""])[-1].strip()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name]

    def inputs(self) -> Iterator[dict[str, Any]]:
        """Hook: yield name, label, type and value of each input, and its text for a sentence."""
        [(name, text)] = self.used_parameters.items()
        yield {"name": name, "label": self.title, "type": "text", "value": text, "display": text}

    def choices(self, changelist: Any) -> Iterator[Any]:
        own = self.expected_parameters()
        self.other_parameters = [
            (name, value)
            for name, values in changelist.filter_params.items()
            for value in values
            if name not in own
        ]
        is_used = any(self.used_parameters.values())
        self.clear_url = changelist.get_query_string(remove=own) if is_used else ""
        for each in self.inputs():
            yield {**each, "selected": bool(each["value"])}


class BetweenFilter(FormFilter):
    """Filter by a time between two bounds, which are inclusive, optional and in ISO 8601.

    The URL has them as `<parameter_name>_from` and `<parameter_name>_to`; each may be one of
    `QUICK`.
    """

    field_name: str
    bounds: tuple[datetime | None, datetime | None] = (None, None)

    def expected_parameters(self) -> list[str | None]:
        return [f"{self.parameter_name}_from", f"{self.parameter_name}_to"]

    def inputs(self) -> Iterator[dict[str, Any]]:
        kind = "text" if self.error else "datetime-local"
        labels = (_("From"), _("To"))
        parameters = self.used_parameters.items()
        for (name, text), label, bound in zip(parameters, labels, self.bounds, strict=True):
            value, display = text, f"{str(label).lower()} {text.replace('T', ' ')}"
            if text in QUICK and bound:
                value, display = bound.isoformat(timespec="minutes"), QUICK[text][0]
            yield {"name": name, "label": label, "type": kind, "value": value, "display": display}

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, last = self.expected_parameters()
        self.links = [
            (
                label,
                changelist.get_query_string({first: text, last: None}),
                self.used_parameters == {first: text, last: ""},
            )
            for text, (label, _bound) in QUICK.items()
        ]
        yield from super().choices(changelist)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first_text, last_text = self.used_parameters.values()
        try:
            first, last = self.bound(first_text), self.bound(last_text)
        except ValueError:
            # An action on the whole list would change more rows than the user meant.
            self.error = _("Not a date and time. Nothing is shown.")
            return queryset.none()
        if last is not None:
            last += UNITS.get(len(last_text), timedelta(seconds=1))
            last -= timedelta(microseconds=1)
        self.bounds = (first, last)
        return self.between(queryset, first, last)

    def bound(self, text: str) -> datetime | None:
        if not text:
            return None
        if text in QUICK:
            return QUICK[text][1](timezone.now())
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
