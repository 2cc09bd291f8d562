"""Users and groups in the admin."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.roles import ROLE_NAMES, set_role
from queueapi.tests.helpers import TIMEOUT, ClientResponse, SignIn, form_in
from queues.tests.helpers import item

pytestmark = pytest.mark.django_db


@pytest.fixture
def bo(db: None) -> User:
    return User.objects.create_user("bo", password="correct horse battery", is_staff=True)


def page_url(row: User | Group, page: str = "change") -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_{page}", args=[row.pk])


def save(client: Client, row: User | Group, **changes: Any) -> ClientResponse:
    """Post the form of the row's page with these changes; `None` unticks a box."""
    form = form_in(client.get(page_url(row)), "username" if isinstance(row, User) else "name")
    fields = {**form, **changes}
    return client.post(page_url(row), {k: v for k, v in fields.items() if v is not None})


def errors(response: ClientResponse) -> dict[str, list[str]]:
    """Return the errors of a refused form."""
    return dict(response.context["adminform"].form.errors)


def test_user_is_deactivated(sign_in: SignIn, bo: User) -> None:
    save(sign_in(), bo, is_active=None)
    bo.refresh_from_db()
    assert not bo.is_active
    assert LogEntry.objects.get().get_change_message() == "active: True → False"


def test_unchanged_user_is_not_logged(sign_in: SignIn, bo: User) -> None:
    bo.groups.add(Group.objects.get(name="Viewers"))
    assert save(sign_in(), bo).status_code == 302
    assert not LogEntry.objects.exists()


def test_user_is_not_deleted(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    assert client.post(page_url(bo, "delete"), {"post": "yes"}).status_code == 403
    url = reverse("admin:auth_user_changelist")
    client.post(url, {"action": "delete_selected", "_selected_action": [bo.pk], "post": "yes"})
    assert User.objects.filter(pk=bo.pk).exists()


@pytest.mark.parametrize("delete", [User.delete, lambda bo: User.objects.all().delete()])
def test_user_with_log_entries_is_protected_from_deletion(
    bo: User, delete: Callable[[User], object]
) -> None:
    audit.record(bo.pk, 2, [(item(), "a")])
    with pytest.raises(ProtectedError, match="is_active"):
        delete(bo)


def test_user_without_log_entries_is_deleted(bo: User) -> None:
    bo.delete()
    assert not User.objects.exists()


def test_changed_groups_are_logged_by_name(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    old, new = (Group.objects.create(name=name) for name in ("Others", "More"))
    bo.groups.add(old)
    save(client, bo, groups=[new.pk])
    assert LogEntry.objects.get().get_change_message() == "groups: Others → More"


def test_password_change_is_logged_without_the_password(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    url = reverse("admin:auth_user_password_change", args=[bo.pk])
    new = "another horse battery"
    client.post(url, {"password1": new, "password2": new, "usable_password": "true"})
    assert LogEntry.objects.get().get_change_message() == "password: changed"


def test_new_user_is_logged_without_the_password(sign_in: SignIn) -> None:
    client = sign_in()
    new = "another horse battery"
    fields = {"username": "carl", "role": "none", "password1": new, "password2": new}
    client.post(reverse("admin:auth_user_add"), fields)
    assert User.objects.filter(username="carl").exists()
    assert LogEntry.objects.get().get_change_message() == 'username: (empty) → "carl"'


@pytest.mark.parametrize("name", ["Viewers", "Operators", "Security admins"])
def test_groups_of_roles_are_read_only(sign_in: SignIn, name: str) -> None:
    client, group = sign_in(), Group.objects.get(name=name)
    page = client.get(page_url(group)).content.decode()
    assert "set by Queue API" in page
    before = set(group.permissions.all())
    client.post(page_url(group), {"name": "x", "permissions": []})
    group.refresh_from_db()
    assert (group.name, set(group.permissions.all())) == (name, before)
    assert client.post(page_url(group, "delete"), {"post": "yes"}).status_code == 403


def test_other_groups_are_changed_and_deleted(sign_in: SignIn) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    save(client, group, name="More")
    group.refresh_from_db()
    assert group.name == "More"
    client.post(page_url(group, "delete"), {"post": "yes"})
    assert not Group.objects.filter(name="More").exists()


def test_groups_are_not_deleted_in_bulk(sign_in: SignIn) -> None:
    group = Group.objects.create(name="Others")
    data = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    sign_in().post(reverse("admin:auth_group_changelist"), data)
    assert Group.objects.filter(name="Others").exists()


def test_change_of_own_password_is_logged(client: Client, bo: User) -> None:
    client.force_login(bo)
    new = "another horse battery"
    fields = {"old_password": "correct horse battery", "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", fields).status_code == 302
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_change_message()) == (bo, "password: changed")


def test_permissions_are_logged_in_english_for_a_danish_user(sign_in: SignIn, bo: User) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    form = form_in(client.get(page_url(group)), "name")
    permission = Permission.objects.get(codename="add_group")
    danish = {"Accept-Language": "da"}
    client.post(page_url(group), {**form, "permissions": [permission.pk]}, headers=danish)
    message = LogEntry.objects.get().get_change_message()
    assert message == "permissions: (empty) → Authentication and Authorization | Add group"


def test_last_login_is_read_only(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    form = form_in(client.get(page_url(bo)), "username")
    assert "last_login_0" not in form
    client.post(page_url(bo), {**form, "last_name": "Hansen", "last_login": "2020-01-01T00:00:00"})
    bo.refresh_from_db()
    assert bo.last_login is None


def test_new_group_is_logged_with_its_permissions(sign_in: SignIn) -> None:
    permission = Permission.objects.get(codename="add_group")
    fields = {"name": "Others", "permissions": [permission.pk]}
    sign_in().post(reverse("admin:auth_group_add"), fields)
    message = LogEntry.objects.get().get_change_message()
    assert message.startswith('name: (empty) → "Others"; permissions: (empty) → ')
    assert message.endswith("Add group")


def test_deleted_group_is_logged_with_its_name(sign_in: SignIn) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    client.post(page_url(group, "delete"), {"post": "yes"})
    assert 'name: "Others" → (empty)' in LogEntry.objects.get().get_change_message()


def test_group_id_too_large_for_the_column_is_refused(sign_in: SignIn, bo: User) -> None:
    Group.objects.create(name="Others")
    assert "groups" in errors(save(sign_in(), bo, groups=["9" * 21]))


def test_empty_to_field_is_ignored(sign_in: SignIn, bo: User) -> None:
    assert sign_in().get(f"{page_url(bo)}?_to_field=").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"), [("is_active", None), ("role", "Operators"), ("role", "none")]
)
def test_last_active_superuser_stays_one(sign_in: SignIn, field: str, value: str | None) -> None:
    client = sign_in()
    User.objects.create_superuser("inactive", is_active=False)
    User.objects.create_user("not staff", is_superuser=True)
    anna = User.objects.get(username="anna")
    found = errors(save(client, anna, **{field: value}))
    assert list(found) == [field]
    assert "the last active superuser" in found[field][0]
    anna.refresh_from_db()
    assert (anna.is_active, anna.is_staff, anna.is_superuser) == (True, True, True)


def test_password_is_not_disabled(sign_in: SignIn) -> None:
    carl = User.objects.create_superuser("carl", password="correct horse")
    sent = {"usable_password": "false", "unset-password": "1"}
    sign_in().post(page_url(carl, "password_change"), sent)
    carl.refresh_from_db()
    assert carl.has_usable_password()


def test_one_of_two_superusers_is_demoted(sign_in: SignIn) -> None:
    client = sign_in()
    carl = User.objects.create_superuser("carl")
    assert save(client, carl, role="none").status_code == 302
    assert "is_active" in errors(save(client, User.objects.get(username="anna"), is_active=None))


@pytest.mark.django_db(transaction=True)
def test_two_superusers_who_deactivate_each_other_leave_one() -> None:
    users = [User.objects.create_superuser(name) for name in ("anna", "carl")]
    start = Barrier(2)

    def deactivate(acting: User, other: User) -> None:
        client = Client()
        client.force_login(acting)
        form = form_in(client.get(page_url(other)), "username")
        del form["is_active"]
        start.wait(TIMEOUT)
        client.post(page_url(other), form)
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(deactivate, users, reversed(users)))
    assert User.objects.filter(is_active=True).count() == 1


# The role.


def rights(user: User) -> tuple[bool, bool, list[str]]:
    """Return `is_staff`, `is_superuser` and the groups."""
    user = User.objects.get(pk=user.pk)
    names = sorted(user.groups.values_list("name", flat=True))
    return user.is_staff, user.is_superuser, names


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("none", (False, False, [])),
        ("Viewers", (True, False, ["Viewers"])),
        ("Operators", (True, False, ["Operators"])),
        ("Security admins", (True, False, ["Security admins"])),
        ("superuser", (True, True, [])),
    ],
)
def test_role_sets_flags_and_groups(
    sign_in: SignIn, bo: User, role: str, expected: tuple[bool, bool, list[str]]
) -> None:
    set_role(bo, "Viewers" if expected[1] else "superuser")
    save(sign_in(), bo, role=role)
    assert rights(bo) == expected


def test_page_shows_the_highest_role(sign_in: SignIn, bo: User) -> None:
    bo.groups.set(Group.objects.filter(name__in=["Viewers", "Operators"]))
    assert form_in(sign_in().get(page_url(bo)), "username")["role"] == "Operators"


def test_old_and_new_role_are_logged(sign_in: SignIn, bo: User) -> None:
    set_role(bo, "Viewers")
    save(sign_in(), bo, role="superuser")
    assert LogEntry.objects.get().get_change_message() == 'role: "Viewers" → "superuser"'


def test_groups_that_are_no_roles_are_kept(sign_in: SignIn, bo: User) -> None:
    others = Group.objects.create(name="Others")
    bo.groups.add(others)
    save(sign_in(), bo, role="Viewers", groups=[others.pk])
    assert rights(bo) == (True, False, ["Others", "Viewers"])


def test_role_is_kept_when_other_groups_change(sign_in: SignIn, bo: User) -> None:
    set_role(bo, "Operators")
    others = Group.objects.create(name="Others")
    save(sign_in(), bo, groups=[others.pk])
    assert rights(bo) == (True, False, ["Operators", "Others"])


def test_user_may_have_other_groups_only(sign_in: SignIn, bo: User) -> None:
    set_role(bo, "none")
    others = Group.objects.create(name="Others")
    save(sign_in(), bo, role="other", groups=[others.pk])
    assert rights(bo) == (True, False, ["Others"])


@pytest.mark.parametrize("role", ["other", "Others", "", "viewers"])
def test_unknown_role_is_refused(sign_in: SignIn, bo: User, role: str) -> None:
    set_role(bo, "Viewers")
    assert "role" in errors(save(sign_in(), bo, role=role))
    assert rights(bo) == (True, False, ["Viewers"])


def test_group_of_a_role_is_not_given_as_another_group(sign_in: SignIn, bo: User) -> None:
    set_role(bo, "Viewers")
    Group.objects.create(name="Others")
    admins = Group.objects.get(name="Security admins")
    assert "groups" in errors(save(sign_in(), bo, groups=[admins.pk]))


def test_permissions_and_groups_are_hidden_if_there_are_none(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    page = client.get(page_url(bo)).content.decode()
    assert "id_user_permissions" not in page
    assert "id_groups" not in page
    bo.user_permissions.add(Permission.objects.get(codename="add_group"))
    Group.objects.create(name="Others")
    page = client.get(page_url(bo)).content.decode()
    assert "id_user_permissions" in page
    assert "id_groups" in page


def test_new_user_gets_a_role(sign_in: SignIn) -> None:
    new = "another horse battery"
    fields = {"username": "carl", "role": "Operators", "password1": new, "password2": new}
    response = sign_in().post(reverse("admin:auth_user_add"), fields)
    carl = User.objects.get(username="carl")
    assert response["Location"] == page_url(carl)
    assert rights(carl) == (True, False, ["Operators"])
    assert 'role: "none" → "Operators"' in LogEntry.objects.get().get_change_message()


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_list_shows_the_role(
    sign_in: SignIn, bo: User, django_assert_num_queries: DjangoAssertNumQueries, role: str
) -> None:
    client = sign_in(username="zoe")
    set_role(bo, role)
    # Session, user, groups of the filter, the rows.
    with django_assert_num_queries(4):
        page = client.get(reverse("admin:auth_user_changelist"))
    rows = {user.username: user.role for user in page.context["cl"].result_list}
    assert rows == {"bo": role, "zoe": "superuser"}
    assert f'<td class="field-role">{ROLE_NAMES[role]}</td>' in page.content.decode()


@pytest.mark.parametrize("model", ["user", "group"])
def test_only_superusers_open_the_pages_even_if_others_have_permissions(
    client: Client, bo: User, model: str
) -> None:
    bo.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth"))
    client.force_login(bo)
    assert client.get(reverse(f"admin:auth_{model}_changelist")).status_code == 403
    assert client.get(reverse(f"admin:auth_{model}_add")).status_code == 403
    row = bo if model == "user" else Group.objects.create(name="Others")
    assert client.post(page_url(row), {"role": "superuser"}).status_code == 403
