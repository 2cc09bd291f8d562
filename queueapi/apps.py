from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class QueueApiConfig(AppConfig):
    name = "queueapi"
    verbose_name = "Queue API"

    def ready(self) -> None:
        from queueapi import checks  # noqa: F401, PLC0415  registers them
        from queueapi.database.adoption import before_migrating  # noqa: PLC0415  needs the models

        # Sent for each app that has models; once is enough.
        pre_migrate.connect(before_migrating, sender=apps.get_app_config("queues"))


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, with our front page. Of its own models it has the log."""

    default = False  # or it would stand for the app queueapi
    default_site = "queueapi.site.BackOffice"
    verbose_name = _("Audit")
