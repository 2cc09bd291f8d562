from django.contrib import admin, messages
from django.http import HttpRequest

from queueapi.admin import ViewOnlyAdmin
from security.models import ApiKey, BannedIP, FailedAttempt
from security.models.bans import BannedIPQuerySet


@admin.register(ApiKey)
class ApiKeyAdmin(ViewOnlyAdmin):
    list_display = ["prefix", "client", "state", "created", "expires", "last_used"]
    exclude = ["hashed_secret"]
    ordering = ["client", "-created"]


@admin.register(BannedIP)
class BannedIPAdmin(ViewOnlyAdmin):
    list_display = ["network", "is_active", "reason", "began", "until", "ended", "ended_by"]
    ordering = ["-began"]
    actions = ["lift"]

    @admin.action(description="Lift the selected bans", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: BannedIPQuerySet) -> None:
        lifted = queryset.lift(by=request.user.get_username())
        for ban in lifted:
            self.log_change(request, ban, "Lifted.")
        self.message_user(
            request, f"{len(lifted)} bans lifted.", messages.SUCCESS if lifted else messages.WARNING
        )

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("security.change_bannedip")


@admin.register(FailedAttempt)
class FailedAttemptAdmin(ViewOnlyAdmin):
    list_display = ["time", "address", "reason", "key", "method", "path"]
    list_filter = ["reason"]
    list_select_related = ["key"]
    ordering = ["-time"]
