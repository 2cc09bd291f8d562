"""API keys. A plaintext is in the one answer that hands it over, and nowhere else."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.badges import badge
from security.admin.action_pages import ActionPageAdmin
from security.admin.forms import IssueForm, RotateForm
from security.models import ApiKey


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("active", _("Active")),
            ("expiring", _("Expires within 14 days")),
            ("ended", _("Ended")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "active":
                return queryset.active()
            case "expiring":
                return queryset.expiring()
            case "ended":
                return queryset.exclude(pk__in=queryset.active().values("pk"))
        return queryset


def ends(key: ApiKey) -> dict[str, Any]:
    """What a person changes of a key. Its last use changes by itself."""
    return {"expires": key.expires, "revoked": key.revoked}


@admin.register(ApiKey)
class ApiKeyAdmin(ActionPageAdmin):
    list_display = ["prefix", "client", "shown_state", "created", "expires", "last_used"]
    list_filter = [StateFilter]
    search_fields = ["prefix", "client"]
    search_help_text = _("Searches prefix and client.")
    ordering = ["client", "-created"]
    fields = ["client", "prefix", "shown_state", "created", "expires", "revoked", "last_used"]

    @admin.display(description=_("state"))
    def shown_state(self, key: ApiKey) -> str:
        return badge(key.state, str(key.state.label))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Not by the hash, which could be read digit by digit."""
        return "hashed_secret" not in lookup and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("security.add_apikey")

    def may_end(self, request: HttpRequest) -> bool:
        return request.user.has_perm("security.change_apikey")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/rotate/", view(self.rotate_view), name="security_apikey_rotate"),
            path("<int:pk>/revoke/", view(self.revoke_view), name="security_apikey_revoke"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        key: ApiKey = context["original"]
        context["history"] = audit.history(key)
        if self.may_end(request) and key.state == ApiKey.State.ACTIVE:
            context["links"] = [
                (title, reverse(f"admin:security_apikey_{verb}", args=[key.pk]))
                for verb, title in (("rotate", _("Rotate")), ("revoke", _("Revoke")))
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    # Issue, rotate, revoke.

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = IssueForm(request.POST or None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    key, plaintext = ApiKey.objects.issue(
                        form.cleaned_data["client"], form.cleaned_data["expires"]
                    )
                    self.log_issue(request, key, "Issued")
            except ValidationError as error:
                form.refuse(error)
            else:
                return self.hand_over(request, key, plaintext)
        return self.ask(request, form, title=_("Issue an API key"), verb=_("Issue"))

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.ending_key(request, pk)
        active = ApiKey.objects.filter(client=key.client).active().order_by("created")
        form = RotateForm(request.POST or None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    before = {each.pk: ends(each) for each in active.select_for_update()}
                    new, plaintext = ApiKey.objects.rotate(key.client, form.cleaned_data["overlap"])
                    self.log_changes(request, before)
                    self.log_issue(request, new, "Issued by rotation")
            except ApiKey.DoesNotExist:
                form.refuse(
                    ValidationError(gettext("This client has no active key to take over from."))
                )
            else:
                return self.hand_over(request, new, plaintext)
        return self.ask(
            request,
            form,
            title=_("Rotate the keys of %(client)s") % {"client": key.client},
            verb=_("Rotate"),
            explanation=_(
                "A new key is issued now. The client's older keys go on for the overlap, and then "
                "end: %(keys)s."
            )
            % {"keys": ", ".join(each.prefix for each in active) or "–"},
            original=key,
        )

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = self.ending_key(request, pk)
        if request.method == "POST" or key.revoked is not None:
            before = {key.pk: ends(key)}
            with transaction.atomic():
                is_new = key.revoke()
                self.log_changes(request, before)
            if is_new:
                text = gettext("The key %(key)s is revoked.") % {"key": key}
                self.message_user(request, text, messages.SUCCESS)
            else:
                text = gettext("The key %(key)s was revoked already.") % {"key": key}
                self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:security_apikey_change", args=[key.pk]))
        return self.ask(
            request,
            None,
            title=_("Revoke the key %(key)s") % {"key": key},
            verb=_("Revoke"),
            explanation=_(
                "It ends now and for good: whoever uses it gets a 401, and after some of those a "
                "ban. To give the client time to change to another key, rotate instead."
            ),
            original=key,
        )

    def ending_key(self, request: HttpRequest, pk: int) -> ApiKey:
        if not self.may_end(request):
            raise PermissionDenied
        key = ApiKey.objects.filter(pk=pk).first()
        if key is None:
            raise Http404
        return key

    def log_changes(self, request: HttpRequest, before: dict[Any, dict[str, Any]]) -> None:
        changed: QuerySet = ApiKey.objects.filter(pk__in=before)
        entries = [(key, audit.difference(ApiKey, before[key.pk], ends(key))) for key in changed]
        audit.record(request.user.pk, CHANGE, [entry for entry in entries if entry[1]])

    def log_issue(self, request: HttpRequest, key: ApiKey, how: str) -> None:
        end = f"{key.expires:%Y-%m-%d %H:%M:%S}" if key.expires else "never"
        audit.record(request.user.pk, ADDITION, [(key, f"{how}, it expires: {end}.")])

    def hand_over(self, request: HttpRequest, key: ApiKey, plaintext: str) -> HttpResponse:
        """The answer to the POST itself: a redirect would have to keep the plaintext somewhere."""
        context = {
            "title": _("The new key of %(client)s") % {"client": key.client},
            "key": key,
            "plaintext": plaintext,
        }
        return self.page(request, "security/new_api_key.html", context)
