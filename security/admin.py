from django.contrib import admin

from queueapi.admin import ViewOnlyAdmin
from security.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ViewOnlyAdmin):
    list_display = ["prefix", "client", "state", "created", "expires", "last_used"]
    exclude = ["hashed_secret"]
    ordering = ["client", "-created"]
