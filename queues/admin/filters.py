"""Filters of the list of queue items."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin.filters import BetweenFilter
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


class StuckFilter(admin.SimpleListFilter):
    title = _("stuck")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In progress for too long"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.stuck() if self.value() == "yes" else queryset.none()
