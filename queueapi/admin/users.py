"""Admin pages of users and groups, which only superusers may open."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from queueapi.admin import translated_names  # noqa: F401  replaces Django's
from queueapi.admin.model_admin import AuditedAdmin, never_permitted
from queueapi.roles import NONE, OTHER, ROLE_NAMES, ROLES, SUPERUSER, role, set_role

admin.site.unregister([Group, User])

LAST_SUPERUSER = _(
    "Nothing was saved: this is the last active superuser, and only superusers can manage users. "
    "Make another active user a superuser first."
)
OTHER_GROUPS = Group.objects.exclude(name__in=ROLES)


class RowsField(forms.ModelMultipleChoiceField):
    """Refuse ids that the column can't hold: the database would raise an error."""

    widget = forms.CheckboxSelectMultiple

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            self.queryset.model._meta.pk.clean(pk, None)  # type: ignore[union-attr]
        return super()._check_values(value)  # type: ignore[misc]


class RoleForm(forms.ModelForm):
    """One field instead of `is_staff`, `is_superuser` and the groups that are roles."""

    role = forms.ChoiceField(label=_("Role"), help_text=_("Users without a role can't sign in."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        self.initial["role"] = getattr(self.instance, "role", NONE)
        fields["role"].choices = list(ROLE_NAMES.items())
        if "groups" in fields:
            fields["groups"].queryset = OTHER_GROUPS
            self.initial["groups"] = list(self.instance.groups.exclude(name__in=ROLES))
        elif self.initial["role"] != OTHER:
            fields["role"].choices = fields["role"].choices[:-1]


class NewUserForm(RoleForm, UserCreationForm):
    """Add a user with a password, because there is no other way to sign in."""


class UserForm(RoleForm, UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Refuse to leave no active superuser."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        needed = {"is_active": True, "role": SUPERUSER}
        changed = set(needed).intersection(self.changed_data, cleaned)
        lost = [name for name in changed if cleaned[name] != needed[name]]
        if lost:
            # Locked in the order of their ids, so that two superusers who deactivate each other
            # do not deadlock, and the second sees the first's change.
            superusers = User.objects.filter(is_superuser=True).order_by("pk").select_for_update()
            if [user for user in superusers if user.is_active and user.is_staff] == [self.instance]:
                for name in lost:
                    self.add_error(name, LAST_SUPERUSER)
        return cleaned


class PasswordForm(AdminPasswordChangeForm):
    """Set a password. It can't be disabled, because there is no other way to sign in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)


class SuperusersOnly(AuditedAdmin):
    """Mixin: only superusers have permissions; related rows are chosen in a `RowsField`."""

    formfield_overrides = {ManyToManyField: {"form_class": RowsField}}
    filter_horizontal = ()  # its script makes labels that screen readers do not read

    def is_permitted(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_view_permission = has_add_permission = has_change_permission = is_permitted


@admin.register(User)
class UserAdmin(SuperusersOnly, AuditedAdmin, DjangoUserAdmin):
    """Users are deactivated, not deleted: their log entries would be deleted too."""

    form = UserForm
    add_form = NewUserForm
    add_fieldsets = ((None, {"fields": ["username", "role", "password1", "password2"]}),)
    change_password_form = PasswordForm
    readonly_fields = ["last_login", "date_joined"]
    list_display = ["username", "role", "first_name", "last_name", "is_active", "last_login"]
    list_filter = ["is_active", "is_superuser", "groups"]
    has_delete_permission = never_permitted

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(role=role())

    @admin.display(description=_("role"), ordering="role")
    def role(self, user: Any) -> str:
        return str(ROLE_NAMES[user.role])

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Leave out other groups and permissions if there are none."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        others: Any = {"groups": OTHER_GROUPS, "user_permissions": obj.user_permissions}
        shown = [name for name, rows in others.items() if rows.exists()]
        return [
            (None, {"fields": ["username", "role", "is_active", *shown, "password"]}),
            (_("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
            (_("Important dates"), {"fields": self.readonly_fields}),
        ]

    def save_related(self, request: HttpRequest, form: Any, *args: Any) -> None:
        super().save_related(request, form, *args)
        # Also an unchanged one, because the field `groups` removed the groups of roles.
        set_role(form.instance, form.cleaned_data["role"])

    def construct_change_message(self, request: HttpRequest, form: Any, *args: Any) -> Any:
        changes = super().construct_change_message(request, form, *args)
        if "role" in form.changed_data:
            old, new = form.initial["role"], form.cleaned_data["role"]
            changes.append({"field": "role", "old": old, "new": new})
        return changes


@admin.register(Group)
class GroupAdmin(SuperusersOnly, AuditedAdmin, DjangoGroupAdmin):
    """Groups of `roles.py` are read-only."""

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        note: Any = ""
        if self.is_role(obj):
            note = _("The permissions of this role are set by Queue API at each migrate.")
        fields = ["__str__" if note else "name", "permissions"]  # the name of a role is translated
        return [(None, {"fields": fields, "description": note})]

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and not self.is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_role(obj)

    @staticmethod
    def is_role(group: Group | None) -> bool:
        return group is not None and group.name in ROLES
