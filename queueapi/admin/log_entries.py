"""Page of the audit log, which is read-only."""

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


def content_types_in_menu(request: HttpRequest) -> list[tuple[int, str]]:
    """Return id and name of the content types whose lists this user may view."""
    return [
        (ContentType.objects.get_for_model(entry["model"]).pk, entry["name"])
        for app in admin.site.get_app_list(request)
        for entry in app["models"]
        if entry["model"] is not LogEntry
    ]


class ChoiceFilter(admin.SimpleListFilter):
    """Filter by the foreign key `parameter_name`; a value that is no choice matches no row."""

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
        entries = LogEntry.objects.filter(user=OuterRef("pk"))
        users = User.objects.filter(Exists(entries)).order_by("username")
        return list(users.values_list("pk", "username"))


class ContentTypeFilter(ChoiceFilter):
    title = _("type")
    parameter_name = "content_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return content_types_in_menu(request)


class TimeFilter(BetweenFilter):
    title = _("time")
    parameter_name = "time"
    field_name = "action_time"


@admin.register(LogEntry)
class LogEntryAdmin(ViewOnlyAdmin):
    list_display = ["action_time", "user", "action", "content_type_name", "row", "changes"]
    list_display_links = None
    list_filter = [UserFilter, ContentTypeFilter, TimeFilter]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "object_id", "change_message"]
    search_help_text = _("Searches names, ids, and the fields and values that changed.")
    exclude = ["change_message"]
    readonly_fields = ["changes"]
    ordering = ["-id"]  # in the order of their time, and by an index

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {"title": _("Audit log"), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        entries = super().get_queryset(request)
        if request.user.is_superuser:
            return entries
        return entries.filter(content_type__in=[pk for pk, _ in content_types_in_menu(request)])

    @admin.display(description=_("action"))
    def action(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=_("type"))
    def content_type_name(self, entry: LogEntry) -> str:
        return str(entry.content_type.name) if entry.content_type else "–"

    @admin.display(description=_("row"))
    def row(self, entry: LogEntry) -> str:
        url = None if entry.is_deletion() else entry.get_admin_url()
        if url is None:
            return entry.object_repr
        return format_html('<a href="{}">{}</a>', url, entry.object_repr)

    @admin.display(description=_("changes"))
    def changes(self, entry: LogEntry) -> str:
        return entry.get_change_message()
