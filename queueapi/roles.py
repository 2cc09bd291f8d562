"""Three groups of staff, and what each may do. A superuser may do everything but delete users.

Every `migrate` makes the groups what this file says.
"""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import User
from django.db.models import ProtectedError

VIEWERS = "Viewers"
OPERATORS = "Operators"
SECURITY_ADMINS = "Security admins"

_VIEWS = [
    "queues.view_queueitem",
    "triggers.view_trigger",
    "triggers.view_singletrigger",
    "triggers.view_scheduledtrigger",
    "triggers.view_queuetrigger",
    "admin.view_logentry",
]
_OPERATES = [
    "queues.add_queueitem",
    "queues.change_queueitem",  # edit, requeue, abandon
    "triggers.change_trigger",
    "triggers.change_singletrigger",
    "triggers.change_scheduledtrigger",
    "triggers.change_queuetrigger",
]
_SECURES = [
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


def sync_groups(using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """Make the groups and their permissions what `ROLES` says; a receiver of `post_migrate`.

    `apps` is the state that was migrated to, which may be one without these tables.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:
        return
    every = {name for names in ROLES.values() for name in names}
    for label in {name.split(".")[0] for name in every}:
        # On a new database, the apps whose turn comes after this one's have none yet.
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    found = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permissions.select_related("content_type").filter(
            codename__in={name.split(".")[1] for name in every}
        )
    }
    for role, names in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        group.permissions.set([found[name] for name in names if name in found])


def protect_users_with_log_entries(instance: User, **kwargs: Any) -> None:
    """A receiver of `pre_delete`: the log loses the entries of a user who is deleted."""
    if entries := LogEntry.objects.filter(user=instance)[:1]:
        raise ProtectedError(
            f"{instance} did things that the audit log tells of. Set is_active to false instead.",
            set(entries),
        )
