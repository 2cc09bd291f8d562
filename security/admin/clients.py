"""Clients in the admin, with their limits and keys."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, TextField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingAdmin, PlainTextField
from queueapi.admin.model_admin import ViewOnly, never_permitted
from security.admin.api_keys import ApiKeyAdmin
from security.models import ApiKey, Client
from security.models.api_keys import after_change

MAY = ("may_push", "may_trigger", "may_read")
LISTS = ("queues", "triggers", "networks")
EFFECT = _("Changes take effect within 5 seconds.")


class KeyInline(ViewOnly, admin.TabularInline):
    model = ApiKey
    template = "security/key_inline.html"
    fields = readonly_fields = ("shown_state", "created", "expires", "last_used")
    shown_state = ApiKeyAdmin.shown_state
    ordering = ["-created"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("client")  # the name of a row has it


@admin.register(Client)
class ClientAdmin(OptimisticLockingAdmin):
    change_form_template = "queueapi/row_change_form.html"
    formfield_overrides = {TextField: {"form_class": PlainTextField, "empty_value": ""}}
    list_display = ["name", *MAY, *LISTS]
    empty_value_display = _("all")
    search_fields = ["name", *LISTS, "note"]
    search_help_text = _("Searches name, queues, triggers, networks and note.")
    ordering = ["name"]
    has_delete_permission = never_permitted
    fieldsets = [
        (None, {"fields": ["name", "note"]}),
        (_("Permissions"), {"fields": MAY, "description": EFFECT}),
        (_("Limits"), {"fields": LISTS}),
    ]

    def get_inlines(self, request: HttpRequest, obj: Client | None) -> list[Any]:
        return [KeyInline] if obj else []

    def row_context(self, request: HttpRequest, row: Client) -> dict[str, Any]:
        if not request.user.has_perm("security.add_apikey"):
            return {}
        url = reverse("admin:security_apikey_add", query={"client": row.name})
        return {"links": [(_("Issue a key"), url)]}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            after_change(obj)  # an UPDATE of the queryset sends no `post_save`
