"""Clients in the admin, with their limits and keys."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.edit_conflicts import OptimisticLockingAdmin, PlainTextField
from queueapi.admin.model_admin import ViewOnly
from security.admin.api_keys import ApiKeyAdmin
from security.models import ApiKey, Client
from security.models.api_keys import api_key_cache
from security.models.clients import read_lines

MAY = ("may_push", "may_trigger", "may_read")
LISTS = ("queues", "triggers", "networks")
EFFECT = _("Changes take effect within 5 seconds.")
PATTERNS = _("One a line: an exact name, or the start of names and a *, such as HR-*. Empty: all.")
NETWORKS = _("One a line: an IP address, or a network such as 10.20.0.0/16. Empty: all.")


def short_list(name: str) -> Any:
    """Return a column with the beginning of a list of patterns or networks."""
    field: Any = Client._meta.get_field(name)

    @admin.display(description=field.verbose_name)
    def column(client: Client) -> str:
        return Truncator(", ".join(read_lines(getattr(client, name)))).chars(60) or str(_("all"))

    return column


class KeyInline(ViewOnly, admin.TabularInline):
    model = ApiKey
    fields = readonly_fields = ("shown_state", "created", "expires", "last_used")
    shown_state = ApiKeyAdmin.shown_state
    ordering = ["-created"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("client")  # the name of a row has it


@admin.register(Client)
class ClientAdmin(OptimisticLockingAdmin):
    change_form_template = "queueapi/row_change_form.html"
    formfield_overrides = {TextField: {"form_class": PlainTextField, "empty_value": ""}}
    list_display = ["name", *MAY, *map(short_list, LISTS), "last_used"]
    search_fields = ["name", *LISTS, "note"]
    search_help_text = _("Searches name, queues, triggers, networks and note.")
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "note"]}),
        (_("What it may do"), {"fields": MAY, "description": EFFECT}),
        (_("Only these"), {"fields": LISTS}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        # Not by MAX, which would group by all columns, the long texts too.
        keys = ApiKey.objects.filter(client=OuterRef("pk")).order_by("-last_used")
        last_used = Subquery(keys.values("last_used")[:1])
        return super().get_queryset(request).annotate(last_used=last_used)

    @admin.display(description=_("last used"), ordering="last_used", empty_value="–")
    def last_used(self, client: Any) -> Any:
        return client.last_used

    def get_form(self, *args: Any, **kwargs: Any) -> Any:
        texts = {"queues": PATTERNS, "triggers": PATTERNS, "networks": NETWORKS}
        return super().get_form(*args, help_texts=texts, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Client | None) -> list[Any]:
        return [KeyInline] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if client := context.get("original"):
            context["history"] = audit.history(client)
            if request.user.has_perm("security.add_apikey"):
                # The client has the values of the form, even those that were refused.
                name = context["adminform"].form.initial.get("name", client.name)
                url = reverse("admin:security_apikey_add", query={"client": name})
                context["links"] = [(_("Issue a key"), url)]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        api_key_cache.invalidate_all()  # an UPDATE of the queryset sends no `post_save`
