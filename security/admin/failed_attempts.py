from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from queueapi.admin.filters import BetweenFilter
from queueapi.admin.model_admin import ViewOnlyAdmin
from security.models import FailedAttempt


class TimeFilter(BetweenFilter):
    title = _("time")
    parameter_name = "time"
    field_name = "time"


@admin.register(FailedAttempt)
class FailedAttemptAdmin(ViewOnlyAdmin):
    list_display = ["time", "client_ip", "reason", "key", "username", "method", "path", "counts"]
    list_filter = ["reason", "counts", TimeFilter]
    list_select_related = ["key__client"]
    search_fields = ["client_ip", "network", "username", "path", "user_agent"]
    search_help_text = _("Searches client IP, network, user name, path and user agent.")
    ordering = ["-time"]
