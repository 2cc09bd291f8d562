from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class QueueApiConfig(AppConfig):
    name = "queueapi"
    verbose_name = "Queue API"


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, with our front page. Of its own models it has the log."""

    default = False  # or it would stand for the app queueapi
    default_site = "queueapi.site.BackOffice"
    verbose_name = _("Audit")
