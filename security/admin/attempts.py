from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from queueapi.admin.base import ViewOnlyAdmin
from queueapi.admin.filters import BetweenFilter
from security.models import FailedAttempt


class TimeFilter(BetweenFilter):
    title = _("time")
    parameter_name = "time"
    field_name = "time"


@admin.register(FailedAttempt)
class FailedAttemptAdmin(ViewOnlyAdmin):
    list_display = ["time", "address", "reason", "key", "username", "method", "path", "counts"]
    list_filter = ["reason", "counts", TimeFilter]
    list_select_related = ["key"]
    search_fields = ["address", "network", "username", "path", "user_agent"]
    search_help_text = _("Searches address, network, user name, path and user agent.")
    ordering = ["-time"]
