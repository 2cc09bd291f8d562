"""The three groups and their permissions."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from queueapi.roles import OPERATORS, ROLES, SECURITY_ADMINS, VIEWERS
from queueapi.tests.helpers import SignIn
from queues.models import QueueItem
from security.models import ApiKey, BannedIP, FailedAttempt
from triggers.models import SingleTrigger

pytestmark = pytest.mark.django_db

LISTS = ["queues_queueitem", "triggers_trigger", "admin_logentry"]
SECURITY_LISTS = [
    *("security_client", "security_apikey", "security_bannedip", "security_failedattempt")
]
USER_LISTS = ["auth_user", "auth_group"]


def migrate() -> None:
    call_command("migrate", verbosity=0)


def permissions_of(role: str) -> set[str]:
    permissions = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in permissions}


def test_migrate_creates_the_groups() -> None:
    Group.objects.all().delete()
    migrate()
    assert {role: permissions_of(role) for role in ROLES} == {
        role: set(names) for role, names in ROLES.items()
    }


def test_migrate_resets_the_permissions_and_keeps_the_members() -> None:
    viewers = Group.objects.get(name=VIEWERS)
    viewers.permissions.set([Permission.objects.get(codename="delete_queueitem")])
    user = User.objects.create_user("anna", is_staff=True)
    user.groups.add(viewers)
    migrate()
    assert permissions_of(VIEWERS) == set(ROLES[VIEWERS])
    assert list(user.groups.all()) == [viewers]


def test_migrate_does_not_change_other_groups() -> None:
    others = Group.objects.create(name="Others")
    others.permissions.set(Permission.objects.all()[:3])
    migrate()
    assert others.permissions.count() == 3


def test_each_role_includes_the_one_before() -> None:
    assert set(ROLES[VIEWERS]) < set(ROLES[OPERATORS]) < set(ROLES[SECURITY_ADMINS])


def test_no_role_can_delete() -> None:
    assert not [name for names in ROLES.values() for name in names if ".delete_" in name]


def test_every_permission_exists() -> None:
    for name in ROLES[SECURITY_ADMINS]:
        app_label, codename = name.split(".")
        model = codename.split("_")[1]
        assert apps.get_model(app_label, model)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (VIEWERS, LISTS),
        (OPERATORS, LISTS),
        (SECURITY_ADMINS, [*LISTS, *SECURITY_LISTS]),
        ("", [*LISTS, *SECURITY_LISTS, *USER_LISTS]),
    ],
)
def test_lists_that_a_role_can_open(sign_in: SignIn, role: str, allowed: list[str]) -> None:
    client = sign_in(role)
    codes = {
        name: client.get(reverse(f"admin:{name}_changelist")).status_code
        for name in [*LISTS, *SECURITY_LISTS, *USER_LISTS]
    }
    assert [name for name, code in codes.items() if code == 200] == allowed
    assert set(codes.values()) <= {200, 403}


@pytest.fixture
def pages(db: None) -> dict[str, str]:
    """Return the URL of each page that changes something."""
    item = QueueItem.objects.create(queue_name="q")
    trigger = SingleTrigger.objects.create(trigger_name="t", next_run=timezone.now())
    key, _ = ApiKey.objects.issue("ERP", None)
    ban = BannedIP.objects.ban("203.0.113.9", timedelta(hours=1), "r")
    FailedAttempt.objects.create(client_ip="203.0.113.9", network="203.0.113.9", reason="unknown")
    return {
        "add item": reverse("admin:queues_queueitem_add"),
        "delete item": reverse("admin:queues_queueitem_delete", args=[item.pk]),
        "delete trigger": reverse("admin:triggers_singletrigger_delete", args=[trigger.pk]),
        "add client": reverse("admin:security_client_add"),
        "change client": reverse("admin:security_client_change", args=[key.client.pk]),
        "delete client": reverse("admin:security_client_delete", args=[key.client.pk]),
        "issue": reverse("admin:security_apikey_add"),
        "rotate": reverse("admin:security_apikey_rotate", args=[key.pk]),
        "revoke": reverse("admin:security_apikey_revoke", args=[key.pk]),
        "delete key": reverse("admin:security_apikey_delete", args=[key.pk]),
        "ban": reverse("admin:security_bannedip_add"),
        "delete ban": reverse("admin:security_bannedip_delete", args=[ban.pk]),
        "add attempt": reverse("admin:security_failedattempt_add"),
        "add log entry": reverse("admin:admin_logentry_add"),
        "add user": reverse("admin:auth_user_add"),
        "add group": reverse("admin:auth_group_add"),
    }


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (VIEWERS, []),
        (OPERATORS, ["add item"]),
        (
            SECURITY_ADMINS,
            [
                *("add item", "add client", "change client"),
                *("issue", "rotate", "revoke", "ban"),
            ],
        ),
        (
            "",
            [
                *("add item", "delete item", "delete trigger", "add client", "change client"),
                *("issue", "rotate", "revoke", "ban"),
                *("add user", "add group"),
            ],
        ),
    ],
)
def test_pages_that_a_role_can_open(
    sign_in: SignIn, pages: dict[str, str], role: str, allowed: list[str]
) -> None:
    client = sign_in(role)
    codes = {name: client.get(url).status_code for name, url in pages.items()}
    assert [name for name, code in codes.items() if code == 200] == allowed
    assert set(codes.values()) <= {200, 403}


def test_an_inactive_user_is_signed_out(sign_in: SignIn) -> None:
    client = sign_in(VIEWERS)
    User.objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("target", [("queues", "zero"), ("security", "zero"), ("triggers", "0001")])
def test_migrating_backwards_and_forwards_keeps_the_roles(target: tuple[str, str]) -> None:
    call_command("migrate", *target, verbosity=0)
    call_command("migrate", verbosity=0)
    assert permissions_of(OPERATORS) == set(ROLES[OPERATORS])
