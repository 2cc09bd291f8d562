from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_delete
from django.utils.translation import gettext_lazy as _


class SecurityConfig(AppConfig):
    name = "security"
    verbose_name = _("Security")

    def ready(self) -> None:
        from security import checks  # noqa: F401, PLC0415  registers them
        from security.roles import keep_roles, keep_trail  # noqa: PLC0415  need the models

        post_migrate.connect(keep_roles, sender=self)
        pre_delete.connect(keep_trail, sender="auth.User")
