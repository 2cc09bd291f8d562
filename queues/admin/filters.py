"""Filters of the list of queue items."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin.filters import BetweenFilter, FormFilter, SeveralChoicesFilter
from queues import queue_statistics


class QueueFilter(admin.SimpleListFilter):
    title = _("queue")
    parameter_name = "queue_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = queue_statistics.queue_names()
        chosen = self.value()
        if chosen and chosen not in names:
            names = [chosen, *names]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() is None else queryset.filter(queue_name=self.value())


class CreatedFilter(BetweenFilter):
    title = _("created")
    parameter_name = "created"
    field_name = "created_date"


class EndedFilter(BetweenFilter):
    title = _("ended")
    parameter_name = "ended"

    def between(self, queryset: Any, first: datetime | None, last: datetime | None) -> Any:
        return queryset.ended_between(first, last) if first or last else queryset


class CreatorFilter(FormFilter):
    title = _("creator")
    parameter_name = "created_by"
    help_text = _("Only together with a time, because creators have no index.")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        creator = self.used_parameters[self.parameter_name]
        if not creator:
            return queryset
        times = (f"{name}_{end}" for name in ("created", "ended") for end in ("from", "to"))
        if not any(request.GET.get(name, "").strip() for name in times):
            self.error = _("Choose a time of creation or of the end too. Nothing is shown.")
            return queryset.none()
        return queryset.filter(created_by=creator)


class StuckFilter(admin.SimpleListFilter):
    title = _("stuck")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In progress for too long"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.stuck() if self.value() == "yes" else queryset.none()


FILTERS: list[Any] = [
    *(QueueFilter, ("status", SeveralChoicesFilter)),
    *(CreatedFilter, EndedFilter, CreatorFilter, StuckFilter),
]
