from django.contrib import admin

from queueapi.admin import ViewOnlyAdmin
from queues.models import QueueItem


@admin.register(QueueItem)
class QueueItemAdmin(ViewOnlyAdmin):
    list_display = ["queue_name", "status", "reference", "created_date", "created_by"]
    list_filter = ["status"]
    ordering = ["-created_date"]
