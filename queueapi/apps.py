import sys

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin
from django.db.models.signals import post_migrate, pre_delete, pre_migrate
from django.utils.translation import gettext_lazy as _


def import_drf_without(names: set[str]) -> None:
    """Import DRF without these packages, which would take 7 MiB of memory.

    DRF imports them, if installed, for a test client and a renderer that are not used here.
    """
    unused = names - sys.modules.keys()
    # Python does not find a package that is `None` here.
    sys.modules.update(dict.fromkeys(unused))  # type: ignore[arg-type]
    import rest_framework.compat  # noqa: F401, PLC0415  the module that imports them

    for name in unused:
        del sys.modules[name]


import_drf_without({"requests", "yaml"})


class QueueApiConfig(AppConfig):
    name = "queueapi"
    verbose_name = "Queue API"

    def ready(self) -> None:
        # Imported here, because they import models.
        from queueapi.database import checks  # noqa: F401, PLC0415  registers them
        from queueapi.database.existing_tables import before_migrating  # noqa: PLC0415
        from queueapi.roles import protect_users_with_log_entries, sync_groups  # noqa: PLC0415

        # These signals are sent for each app with models, so receive them for one app.
        pre_migrate.connect(before_migrating, sender=apps.get_app_config("queues"))
        post_migrate.connect(sync_groups, sender=apps.get_app_config("security"))
        pre_delete.connect(protect_users_with_log_entries, sender="auth.User")


class QueueApiAdminConfig(admin.AdminConfig):
    """Django's admin with our site class. Its only model is the log entry."""

    default = False  # the default AppConfig of this module is QueueApiConfig
    default_site = "queueapi.admin_site.QueueApiAdminSite"
    verbose_name = _("Audit")

    def ready(self) -> None:
        super().ready()
        from queueapi.admin import log_entries, users  # noqa: F401, PLC0415  registers them
