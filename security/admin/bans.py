"""Bans in the admin."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from queueapi.admin import audit
from security.admin.action_pages import ActionPageAdmin, StateFilter
from security.admin.forms import BanForm
from security.client_ip import get_client_ip
from security.models import BannedIP
from security.models.bans import BannedIPQuerySet


@admin.register(BannedIP)
class BannedIPAdmin(ActionPageAdmin):
    list_display = ["network", "is_active", "reason", "created", "expires", "lifted", "lifted_by"]
    list_filter = [StateFilter]
    search_fields = ["network", "reason"]
    search_help_text = _("Searches network and reason.")
    ordering = ["-created"]
    actions = ["lift"]

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, ban: BannedIP) -> bool:
        return ban.is_active

    def object_tools(self, row: BannedIP) -> dict[str, Any]:
        url = reverse("admin:security_bannedip_changelist")
        fields = {"action": "lift", ACTION_CHECKBOX_NAME: row.pk}
        return {"buttons": [{"title": _("Lift"), "url": url, "fields": fields}]}

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BanForm(request.POST or None)
        if ban := form.run(partial(self.ban, request)):
            text = _("%(network)s is banned.") % {"network": ban.network}
            self.message_user(request, text, messages.SUCCESS)
            if BannedIP.is_banned(get_client_ip(request)):
                warning = _("That is your own IP: you can't sign in again before the ban ends.")
                self.message_user(request, warning, messages.WARNING)
            return redirect("admin:security_bannedip_changelist")
        return self.page(
            request,
            "security/action_form.html",
            form=form,
            title=_("Ban an IP"),
            action=_("Ban"),
            explanation=_("If it is banned already, this ban replaces that one."),
        )

    def ban(self, request: HttpRequest, ip: str, duration: timedelta, reason: str) -> BannedIP:
        ban = BannedIP.objects.ban_by_hand(ip, duration, reason, request.user.get_username())
        # The ban that this one replaces was lifted when this one was created.
        self.log_lifts(request, BannedIP.objects.filter(network=ban.network, lifted=ban.created))
        text = f"Banned until {ban.expires:%Y-%m-%d %H:%M}: {ban.reason}"
        audit.record(request.user.pk, ADDITION, [(ban, text)])
        return ban

    @admin.action(description=_("Lift the selected bans"), permissions=["end"])
    def lift(self, request: HttpRequest, queryset: BannedIPQuerySet) -> None:
        with transaction.atomic():
            lifted = queryset.lift(by=request.user.get_username())
            self.log_lifts(request, lifted)
        text = ngettext("%(count)d ban lifted.", "%(count)d bans lifted.", len(lifted))
        level = messages.SUCCESS if lifted else messages.WARNING
        self.message_user(request, text % {"count": len(lifted)}, level)

    def log_lifts(self, request: HttpRequest, lifted: Iterable[BannedIP]) -> None:
        entries = []
        for ban in lifted:
            after = {"lifted": ban.lifted, "lifted_by": ban.lifted_by}
            entries.append((ban, audit.difference(BannedIP, {}, after)))
        audit.record(request.user.pk, CHANGE, entries)
