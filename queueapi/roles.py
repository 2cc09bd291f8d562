"""The roles of users: superusers, and three groups whose permissions each `migrate` sets anew.

A superuser has all permissions, except to delete users.
"""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, User
from django.db.models import Case, ProtectedError, Q, Value, When
from django.db.models.functions import Concat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

VIEWERS = gettext_noop("Viewers")
OPERATORS = gettext_noop("Operators")
SECURITY_ADMINS = gettext_noop("Security admins")

_TRIGGERS = ["trigger", "singletrigger", "scheduledtrigger", "queuetrigger"]
_VIEWS = [
    "queues.view_queueitem",
    *(f"triggers.view_{model}" for model in _TRIGGERS),
    "admin.view_logentry",
]
_OPERATES = [
    "queues.add_queueitem",
    "queues.change_queueitem",  # edit, requeue, abandon
    *(f"triggers.change_{model}" for model in _TRIGGERS),
    "triggers.view_job",  # and its log
]
_SECURES = [
    "security.view_client",
    "security.add_client",
    "security.change_client",
    "security.view_apikey",
    "security.add_apikey",  # issue
    "security.change_apikey",  # rotate, revoke
    "security.view_bannedip",
    "security.add_bannedip",  # ban by hand
    "security.change_bannedip",  # lift
    "security.view_failedattempt",
]

ROLES = {
    VIEWERS: _VIEWS,
    OPERATORS: [*_VIEWS, *_OPERATES],
    SECURITY_ADMINS: [*_VIEWS, *_OPERATES, *_SECURES],
}

# Roles beside the groups: may not sign in, has rights that are no role's, has all permissions.
NONE, OTHER, SUPERUSER = "none", "other", "superuser"
ROLE_NAMES = {
    NONE: _("No role"),
    VIEWERS: _("Viewer"),
    OPERATORS: _("Operator"),
    SECURITY_ADMINS: _("Security admin"),
    SUPERUSER: _("Superuser"),
    OTHER: _("Other groups only"),  # the last: it is offered only where there are such groups
}


def role() -> Case:
    """Return an expression for the role of a user, the highest if there are several."""
    members = User.groups.through.objects.values("user")
    conditions = {NONE: Q(is_staff=False), SUPERUSER: Q(is_superuser=True)}
    conditions |= {name: Q(pk__in=members.filter(group__name=name)) for name in reversed(ROLES)}
    whens = [When(condition, then=Value(name)) for name, condition in conditions.items()]
    return Case(*whens, default=Value(OTHER))


def set_role(user: User, role: str) -> None:
    """Give the user this role and no other; groups that are no roles are kept."""
    user.is_staff, user.is_superuser = role != NONE, role == SUPERUSER
    user.save(update_fields=["is_staff", "is_superuser"])
    others = user.groups.exclude(name__in=ROLES)
    user.groups.set([*others, *Group.objects.filter(name__in=ROLES).filter(name=role)])


def sync_groups(using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """Create the groups and set their permissions to those in `ROLES`; a `post_migrate` receiver.

    `apps` is the state that was migrated to, which may lack these tables.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:
        return
    for app in installed.get_app_configs():
        # On a new database, apps that migrate creates after `security` have no permissions yet.
        create_permissions(app, verbosity=0, using=using, apps=apps)
    full_name = Concat("content_type__app_label", Value("."), "codename")
    for role, names in ROLES.items():
        group = groups.get_or_create(name=role)[0]
        group.permissions.set(permissions.alias(full_name=full_name).filter(full_name__in=names))


def protect_users_with_log_entries(instance: User, **kwargs: Any) -> None:
    """Keep users from being deleted together with their log entries; a `pre_delete` receiver."""
    if entries := LogEntry.objects.filter(user=instance)[:1]:
        raise ProtectedError(
            f"The audit log has entries of {instance}. Set is_active to false instead.",
            set(entries),
        )
