"""Texts that Django has in English only: names of roles and permissions, and of yes and no."""

from django.contrib.admin.templatetags import admin_list
from django.contrib.auth.models import Group, Permission
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_noop

from queueapi.roles import ROLES

ICONS = {True: "yes", False: "no", None: "unknown"}
# Those that are missing in Django's own catalog. The audit log has booleans, too.
TEXTS = gettext_noop("Delete %s"), gettext_noop("True"), gettext_noop("False")


def group_name(group: Group) -> str:
    return gettext(group.name) if group.name in ROLES else group.name


def permission_name(permission: Permission) -> str:
    """Return app and permission, such as `Queues | View queue item`."""
    app, _separator, model = str(permission.content_type).partition(" | ")
    action = permission.codename.partition("_")[0].capitalize()
    return f"{app} | {gettext(f'{action} %s') % model}"


def boolean_icon(value: bool | None) -> str:
    icon = static(f"admin/img/icon-{ICONS[value]}.svg")
    return format_html('<img src="{}" alt="{}">', icon, gettext(str(value)))


# Django has no settings for these.
Group.__str__ = group_name  # type: ignore[method-assign, assignment]
Permission.__str__ = permission_name  # type: ignore[method-assign, assignment]
admin_list._boolean_icon = boolean_icon  # type: ignore[attr-defined]
