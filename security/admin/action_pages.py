"""Base of the admin of keys and bans: read-only rows, and pages with forms that run an action."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin.model_admin import AuditedAdmin, never_permitted


class StateFilter(admin.SimpleListFilter):
    """Filter by `?state=` and the queryset's method with the name of that state."""

    title = _("state")
    parameter_name = "state"
    states = {"active": _("Active"), "ended": _("Ended")}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(self.states.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        state = self.value()
        return getattr(queryset, state)() if state in self.states else queryset


class ActionPageAdmin(AuditedAdmin):
    change_form_template = "queueapi/row_change_form.html"
    has_change_permission = has_delete_permission = never_permitted

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may rotate and revoke keys, or lift bans."""
        return super().has_change_permission(request)

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return self.object_tools(row) if row.is_active and self.has_end_permission(request) else {}

    def object_tools(self, row: Any) -> dict[str, Any]:
        """Return the `links` and `buttons` of the change page of an active row."""
        raise NotImplementedError
