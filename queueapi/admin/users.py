"""People and their roles. No role opens these pages, so they are for superusers."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangosUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingAdmin, OptimisticLockingForm
from queueapi.roles import ROLES

admin.site.unregister([Group, User])

LAST_SUPERUSER = _(
    "Nothing was saved: this is the last active superuser, and nobody else could manage users. "
    "Make another user active, staff and superuser first."
)


class UserForm(OptimisticLockingForm, UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Keep one user who can manage the others."""
        cleaned = super().clean()
        changed = {"is_active", "is_staff", "is_superuser"}.intersection(self.changed_data)
        unticked = [name for name in changed if not cleaned.get(name, True)]
        if unticked:
            # Locked, in one order: of two superusers who untick each other, the second sees what
            # the first has done, and they don't deadlock.
            superusers = User.objects.filter(is_superuser=True).order_by("pk").select_for_update()
            if [user for user in superusers if user.is_active and user.is_staff] == [self.instance]:
                for name in unticked:
                    self.add_error(name, LAST_SUPERUSER)
        return cleaned


class PasswordForm(AdminPasswordChangeForm):
    """Sets a password. There is no other way to sign in, so none is switched off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)


@admin.register(User)
class UserAdmin(OptimisticLockingAdmin, DjangosUserAdmin):
    """Nobody is deleted: what they did would lose its name. `is_active` lets them in or not."""

    form = UserForm
    change_password_form = PasswordForm
    readonly_fields = ["last_login", "date_joined"]

    list_display = [
        "username",
        "first_name",
        "last_name",
        "is_active",
        "is_superuser",
        "last_login",
    ]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class GroupAdmin(OptimisticLockingAdmin, DjangosGroupAdmin):
    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        note: Any = ""
        if self.is_a_role(obj):
            note = _("What this role may do is set by Queue API, anew at every migrate.")
        return [(None, {"fields": ["name", "permissions"], "description": note})]

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> list[str]:
        return ["name", "permissions"] if self.is_a_role(obj) else []

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_a_role(obj)

    @staticmethod
    def is_a_role(group: Group | None) -> bool:
        return group is not None and group.name in ROLES
