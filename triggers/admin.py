from django.contrib import admin

from queueapi.admin import ViewOnlyAdmin
from triggers.models import Trigger


@admin.register(Trigger)
class TriggerAdmin(ViewOnlyAdmin):
    list_display = ["trigger_name", "type", "process_name", "process_status", "last_run"]
    list_filter = ["type", "process_status"]
    ordering = ["trigger_name"]
