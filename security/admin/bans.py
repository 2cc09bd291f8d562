from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from security.admin.action_pages import ActionPageAdmin
from security.admin.forms import BanForm
from security.client_ip import get_client_ip
from security.models import BannedIP
from security.models.bans import BannedIPQuerySet


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "active":
                return queryset.active()
            case "ended":
                return queryset.exclude(pk__in=queryset.active().values("pk"))
        return queryset


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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("security.add_bannedip")

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("security.change_bannedip")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BanForm(request.POST or None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    ban = BannedIP.objects.ban_by_hand(
                        form.cleaned_data["address"],
                        form.cleaned_data["span"],
                        form.cleaned_data["reason"],
                        by=request.user.get_username(),
                    )
                    # The one whose place it took ended when this one began.
                    self.log_ends(
                        request, BannedIP.objects.filter(network=ban.network, lifted=ban.created)
                    )
                    until = f"Banned until {ban.expires:%Y-%m-%d %H:%M}: {ban.reason}"
                    audit.record(request.user.pk, ADDITION, [(ban, until)])
            except ValidationError as error:
                form.refuse(error)
            else:
                text = gettext("%(network)s is banned.") % {"network": ban.network}
                self.message_user(request, text, messages.SUCCESS)
                if BannedIP.objects.is_banned(get_client_ip(request)):
                    text = gettext("That is your own address: once you sign out, you are out.")
                    self.message_user(request, text, messages.WARNING)
                return HttpResponseRedirect(reverse("admin:security_bannedip_changelist"))
        return self.ask(
            request,
            form,
            title=_("Ban an address"),
            verb=_("Ban"),
            explanation=_("If it is banned already, this ban takes the place of that one."),
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        ban: BannedIP = context["original"]
        context["history"] = audit.history(ban)
        if self.has_lift_permission(request) and ban.is_active:
            url = reverse("admin:security_bannedip_changelist")
            fields = {"action": "lift", ACTION_CHECKBOX_NAME: ban.pk}
            context["buttons"] = [{"title": _("Lift"), "url": url, "fields": fields}]
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Lift the selected bans"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: BannedIPQuerySet) -> None:
        with transaction.atomic():
            lifted = queryset.lift(by=request.user.get_username())
            self.log_ends(request, lifted)
        text = ngettext("%(count)d ban lifted.", "%(count)d bans lifted.", len(lifted))
        level = messages.SUCCESS if lifted else messages.WARNING
        self.message_user(request, text % {"count": len(lifted)}, level)

    def log_ends(self, request: HttpRequest, ended: Iterable[BannedIP]) -> None:
        entries = [
            (
                ban,
                audit.difference(BannedIP, {}, {"lifted": ban.lifted, "lifted_by": ban.lifted_by}),
            )
            for ban in ended
        ]
        audit.record(request.user.pk, CHANGE, entries)
