"""Admin pages of users and groups, which only superusers may open."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin.model_admin import AuditedAdmin
from queueapi.roles import ROLES

admin.site.unregister([Group, User])

LAST_SUPERUSER = _(
    "Nothing was saved: this is the last active superuser, and only superusers can manage users. "
    "Make another user active, staff and superuser first."
)


class RowsField(forms.ModelMultipleChoiceField):
    """Refuse ids that the column can't hold: the database would raise an error."""

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            self.queryset.model._meta.pk.clean(pk, None)  # type: ignore[union-attr]
        return super()._check_values(value)  # type: ignore[misc]


class UserForm(UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Refuse to leave no active superuser."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        changed = {"is_active", "is_staff", "is_superuser"}.intersection(self.changed_data)
        unticked = [name for name in changed if not cleaned.get(name, True)]
        if unticked:
            # Locked in the order of their ids, so that two superusers who deactivate each other
            # do not deadlock, and the second sees the first's change.
            superusers = User.objects.filter(is_superuser=True).order_by("pk").select_for_update()
            if [user for user in superusers if user.is_active and user.is_staff] == [self.instance]:
                for name in unticked:
                    self.add_error(name, LAST_SUPERUSER)
        return cleaned


class PasswordForm(AdminPasswordChangeForm):
    """Set a password. It can't be disabled, because there is no other way to sign in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    """Users are deactivated, not deleted: their log entries would be deleted too."""

    form = UserForm
    change_password_form = PasswordForm
    readonly_fields = ["last_login", "date_joined"]
    formfield_overrides = {ManyToManyField: {"form_class": RowsField}}
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
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    """Groups of `roles.py` are read-only."""

    formfield_overrides = {ManyToManyField: {"form_class": RowsField}}

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        note: Any = ""
        if self.is_role(obj):
            note = _("The permissions of this role are set by Queue API at each migrate.")
        return [(None, {"fields": ["name", "permissions"], "description": note})]

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and not self.is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_role(obj)

    @staticmethod
    def is_role(group: Group | None) -> bool:
        return group is not None and group.name in ROLES
