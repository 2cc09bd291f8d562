"""API keys in the admin. A plaintext is in the response to the form that created it, only there."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.badges import badge
from security.admin.action_pages import ActionPageAdmin, StateFilter
from security.admin.forms import IssueForm, RotateForm
from security.models import ApiKey, Client


class KeyStateFilter(StateFilter):
    states = {"active": _("Active"), "expiring": _("Expires within 14 days"), "ended": _("Ended")}


@admin.register(ApiKey)
class ApiKeyAdmin(ActionPageAdmin):
    list_display = ["prefix", "client", "shown_state", "created", "expires", "last_used"]
    list_filter = [KeyStateFilter]
    list_select_related = ["client"]
    search_fields = ["prefix", "client__name"]
    search_help_text = _("Searches prefix and client.")
    ordering = ["client__name", "-created"]
    fields = ["client", "prefix", "shown_state", "created", "expires", "revoked", "last_used"]

    @admin.display(description=_("state"))
    def shown_state(self, key: ApiKey) -> str:
        return badge(key.state, key.state.label)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse filters of the hash, which could be guessed digit by digit."""
        return "hashed_secret" not in lookup and super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[Any]:
        return [
            self.page_path("<int:pk>/rotate/", self.rotate_view, "rotate"),
            self.page_path("<int:pk>/revoke/", self.revoke_view, "revoke"),
            *super().get_urls(),
        ]

    def object_tools(self, row: ApiKey) -> dict[str, Any]:
        return {"links": [(_("Rotate"), "../rotate/"), (_("Revoke"), "../revoke/")]}

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = self.get_changeform_initial_data(request)  # such as `?client=ERP`
        form = IssueForm(request.POST or None, initial=initial)
        if issued := form.run(partial(self.issue, request)):
            return self.plaintext_page(request, *issued)
        texts = {"title": _("Issue an API key"), "action": _("Issue")}
        return self.page(request, "security/action_form.html", form=form, **texts)

    def issue(
        self, request: HttpRequest, client: str, expires: timedelta | None
    ) -> tuple[ApiKey, str]:
        is_new = Client.objects.with_name(client) is None
        key, plaintext = ApiKey.objects.issue(client, expires)
        if is_new:
            audit.record(request.user.pk, ADDITION, [(key.client, "Added with its first key.")])
        self.log_issue(request, key, "Issued")
        return key, plaintext

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.get_key(request, pk)
        form = RotateForm(request.POST or None)
        if issued := form.run(partial(self.rotate, request, key.client)):
            return self.plaintext_page(request, *issued)
        active = key.client.keys.active().order_by("created")
        return self.page(
            request,
            "security/action_form.html",
            form=form,
            original=key,
            title=_("Rotate the keys of %(client)s") % {"client": key.client},
            action=_("Rotate"),
            explanation=_(
                "A new key is issued now. The client's older keys go on for the overlap, and then "
                "end: %(keys)s."
            )
            % {"keys": ", ".join(each.prefix for each in active) or "–"},
        )

    def rotate(
        self, request: HttpRequest, client: Client, overlap: timedelta
    ) -> tuple[ApiKey, str]:
        active = client.keys.active()
        before = dict(active.select_for_update().values_list("pk", "expires"))
        try:
            key, plaintext = ApiKey.objects.rotate(client.name, overlap)
        except ApiKey.DoesNotExist as error:
            text = _("This client has no active key to take over from.")
            raise ValidationError(text) from error
        entries = [
            (old, audit.difference(ApiKey, {"expires": before[old.pk]}, {"expires": old.expires}))
            for old in client.keys.filter(pk__in=before)
        ]
        audit.record(request.user.pk, CHANGE, [entry for entry in entries if entry[1]])
        self.log_issue(request, key, "Issued by rotation")
        return key, plaintext

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.get_key(request, pk)
        if request.method != "POST" and key.revoked is None:
            return self.page(
                request,
                "security/action_form.html",
                original=key,
                title=_("Revoke the key %(key)s") % {"key": key},
                action=_("Revoke"),
                explanation=_(
                    "It ends now and for good: clients that use it get a 401, and a ban after some "
                    "of those. To give the client time to change to another key, rotate instead."
                ),
            )
        with transaction.atomic():
            if is_new := key.revoke():
                change = audit.difference(ApiKey, {}, {"revoked": key.revoked})
                audit.record(request.user.pk, CHANGE, [(key, change)])
        if is_new:
            text, level = _("The key %(key)s is revoked."), messages.SUCCESS
        else:
            text, level = _("The key %(key)s was revoked already."), messages.WARNING
        self.message_user(request, text % {"key": key}, level)
        return redirect("admin:security_apikey_change", key.pk)

    def get_key(self, request: HttpRequest, pk: int) -> ApiKey:
        """Return the key, for a user who may rotate and revoke keys."""
        if not self.has_end_permission(request):
            raise PermissionDenied
        return get_object_or_404(ApiKey, pk=pk)

    def log_issue(self, request: HttpRequest, key: ApiKey, how: str) -> None:
        end = f"{key.expires:%Y-%m-%d %H:%M:%S}" if key.expires else "never"
        audit.record(request.user.pk, ADDITION, [(key, f"{how}, it expires: {end}.")])

    def plaintext_page(self, request: HttpRequest, key: ApiKey, plaintext: str) -> HttpResponse:
        """Return a response to the POST itself. A redirect would have to store the plaintext."""
        title = _("The new key of %(client)s") % {"client": key.client}
        return self.page(
            request, "security/new_api_key.html", title=title, key=key, plaintext=plaintext
        )
