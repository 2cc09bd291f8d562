"""The audit log: what people did in the back office. Nobody can change it here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from queueapi.admin.filters import BetweenFilter
from queueapi.admin.model_admin import ViewOnlyAdmin


def kinds_in_menu(request: HttpRequest) -> list[tuple[int, str]]:
    """The kinds of rows that this person finds in the menu: content type and name."""
    return [
        (ContentType.objects.get_for_model(entry["model"]).pk, entry["name"])
        for app in admin.site.get_app_list(request)
        for entry in app["models"]
        if entry["model"] is not LogEntry
    ]


class ChoiceFilter(admin.SimpleListFilter):
    """Of a foreign key, which is the parameter's name; nothing matches what is no choice."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if value is None:
            return queryset
        if value not in [str(pk) for pk, _ in self.lookup_choices]:
            return queryset.none()
        return queryset.filter(**{str(self.parameter_name): value})


class UserFilter(ChoiceFilter):
    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        theirs = LogEntry.objects.filter(user=OuterRef("pk"))
        users = User.objects.filter(Exists(theirs)).order_by("username")
        return list(users.values_list("pk", "username"))


class KindFilter(ChoiceFilter):
    title = _("kind")
    parameter_name = "content_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return kinds_in_menu(request)


class TimeFilter(BetweenFilter):
    title = _("time")
    parameter_name = "time"
    field_name = "action_time"


@admin.register(LogEntry)
class LogEntryAdmin(ViewOnlyAdmin):
    list_display = ["action_time", "user", "action", "kind", "row", "what"]
    list_display_links = None
    list_filter = [UserFilter, KindFilter, TimeFilter]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "object_id", "change_message"]
    search_help_text = _("Searches names, ids and what changed.")
    ordering = ["-id"]  # as they happened, and by an index

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {"title": _("Audit log"), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        entries = super().get_queryset(request)
        if request.user.is_superuser:
            return entries
        return entries.filter(content_type__in=[kind for kind, _ in kinds_in_menu(request)])

    @admin.display(description=_("action"))
    def action(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=_("kind"))
    def kind(self, entry: LogEntry) -> str:
        return str(entry.content_type.name) if entry.content_type else "–"

    @admin.display(description=_("what changed"))
    def what(self, entry: LogEntry) -> str:
        return entry.get_change_message()

    @admin.display(description=_("row"))
    def row(self, entry: LogEntry) -> str:
        url = None if entry.is_deletion() else entry.get_admin_url()
        if url is None:
            return entry.object_repr
        return format_html('<a href="{}">{}</a>', url, entry.object_repr)
