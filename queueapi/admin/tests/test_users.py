"""Users and groups in the admin."""

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

from queueapi.admin import audit
from queueapi.tests.helpers import SignIn, form_in
from queues.tests.helpers import item

pytestmark = pytest.mark.django_db


@pytest.fixture
def bo(db: None) -> User:
    return User.objects.create_user("bo", password="correct horse battery", is_staff=True)


def address(row, verb: str = "change") -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_{verb}", args=[row.pk])


def save(client: Client, row, **changes):
    form = form_in(client.get(address(row)), "username" if isinstance(row, User) else "name")
    return client.post(address(row), {**form, **changes})


def test_a_user_is_deactivated(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    form = form_in(client.get(address(bo)), "username")
    del form["is_active"]
    client.post(address(bo), form)
    bo.refresh_from_db()
    assert not bo.is_active
    assert LogEntry.objects.get().get_change_message() == "active: True → False"


def test_a_user_is_not_deleted(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    assert client.post(address(bo, "delete"), {"post": "yes"}).status_code == 403
    url = reverse("admin:auth_user_changelist")
    client.post(url, {"action": "delete_selected", "_selected_action": [bo.pk], "post": "yes"})
    assert User.objects.filter(pk=bo.pk).exists()


@pytest.mark.parametrize("delete", [lambda bo: bo.delete(), lambda bo: User.objects.all().delete()])
def test_whoever_did_something_can_be_deleted_nowhere(bo: User, delete: Any) -> None:
    audit.record(bo.pk, 2, [(item(), "a")])
    with pytest.raises(ProtectedError, match="is_active"):
        delete(bo)


def test_whoever_did_nothing_can(bo: User) -> None:
    bo.delete()
    assert not User.objects.exists()


def test_a_role_given_is_logged_from_what_to_what(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    viewers, operators = (Group.objects.get(name=name) for name in ("Viewers", "Operators"))
    bo.groups.add(viewers)
    save(client, bo, groups=[operators.pk])
    assert LogEntry.objects.get().get_change_message() == "groups: Viewers → Operators"


def test_a_password_is_logged_without_it(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    url = reverse("admin:auth_user_password_change", args=[bo.pk])
    new = "another horse battery"
    client.post(url, {"password1": new, "password2": new, "usable_password": "true"})
    entry = LogEntry.objects.get()
    assert "assword" in entry.get_change_message()
    assert new not in entry.get_change_message()


def test_a_new_user_is_logged(sign_in: SignIn) -> None:
    client = sign_in()
    new = "another horse battery"
    fields = {"username": "carl", "password1": new, "password2": new, "usable_password": "true"}
    client.post(reverse("admin:auth_user_add"), fields)
    assert User.objects.filter(username="carl").exists()
    entry = LogEntry.objects.get()
    assert "carl" in entry.get_change_message()
    assert new not in entry.get_change_message()


@pytest.mark.parametrize("name", ["Viewers", "Operators", "Security admins"])
def test_the_three_roles_can_be_looked_at_only(sign_in: SignIn, name: str) -> None:
    client, group = sign_in(), Group.objects.get(name=name)
    page = client.get(address(group)).content.decode()
    assert "set by Queue API" in page
    before = set(group.permissions.all())
    client.post(address(group), {"name": "x", "permissions": []})
    group.refresh_from_db()
    assert (group.name, set(group.permissions.all())) == (name, before)
    assert client.post(address(group, "delete"), {"post": "yes"}).status_code == 403


def test_other_groups_can_be_changed_and_deleted(sign_in: SignIn) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    save(client, group, name="More")
    group.refresh_from_db()
    assert group.name == "More"
    client.post(address(group, "delete"), {"post": "yes"})
    assert not Group.objects.filter(name="More").exists()


def test_ones_own_password_is_logged_too(sign_in: SignIn, client: Client, bo: User) -> None:
    client.force_login(bo)
    new = "another horse battery"
    fields = {"old_password": "correct horse battery", "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", fields).status_code == 302
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_change_message()) == (bo, "password: changed")


def test_the_log_is_in_english_whoever_writes_it(sign_in: SignIn, bo: User) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    form = form_in(client.get(address(group)), "name")
    permission = Permission.objects.get(codename="add_group")
    danish = {"Accept-Language": "da"}
    client.post(address(group), {**form, "permissions": [permission.pk]}, headers=danish)
    message = LogEntry.objects.get().get_change_message()
    assert message == (
        "permissions: (empty) → Authentication and Authorization | group | Can add group"
    )


def test_what_another_superuser_changed_is_kept(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    form = form_in(client.get(address(bo)), "username")
    User.objects.filter(pk=bo.pk).update(is_active=False)
    client.post(address(bo), {**form, "last_name": "Hansen"})
    bo.refresh_from_db()
    assert (bo.is_active, bo.last_name) == (False, "Hansen")
    assert LogEntry.objects.get().get_change_message() == 'last name: (empty) → "Hansen"'


def test_roles_given_meanwhile_are_kept(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    form = form_in(client.get(address(bo)), "username")
    bo.groups.add(Group.objects.get(name="Viewers"))
    client.post(address(bo), {**form, "last_name": "Hansen"})
    assert bo.groups.count() == 1


def test_roles_changed_on_both_sides_are_not_overwritten(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    viewers, operators = (Group.objects.get(name=name) for name in ("Viewers", "Operators"))
    form = form_in(client.get(address(bo)), "username")
    bo.groups.add(viewers)
    answer = client.post(address(bo), {**form, "groups": [operators.pk]})
    assert "It is now: Viewers" in answer.context["adminform"].form.errors["groups"][0]
    assert list(bo.groups.all()) == [viewers]


def test_when_somebody_signed_in_is_not_edited(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    form = form_in(client.get(address(bo)), "username")
    assert "last_login_0" not in form
    client.post(address(bo), {**form, "last_name": "Hansen", "last_login": "2020-01-01T00:00:00"})
    bo.refresh_from_db()
    assert bo.last_login is None


def test_a_deleted_group_is_logged_with_its_name(sign_in: SignIn) -> None:
    client, group = sign_in(), Group.objects.create(name="Others")
    client.post(address(group, "delete"), {"post": "yes"})
    assert 'name: "Others" → (empty)' in LogEntry.objects.get().get_change_message()


def test_a_role_that_is_no_id_is_refused(sign_in: SignIn, bo: User) -> None:
    answer = save(sign_in(), bo, groups=["9" * 21])
    assert answer.context["adminform"].form.errors["groups"]


def test_an_empty_to_field_is_none(sign_in: SignIn, bo: User) -> None:
    assert sign_in().get(f"{address(bo)}?_to_field=").status_code == 200


def untick(client: Client, user: User, box: str):
    form = form_in(client.get(address(user)), "username")
    del form[box]
    return client.post(address(user), form)


@pytest.mark.parametrize("box", ["is_active", "is_staff", "is_superuser"])
def test_the_last_superuser_stays_one(sign_in: SignIn, bo: User, box: str) -> None:
    client = sign_in()
    User.objects.create_superuser("inactive", is_active=False)
    User.objects.create_user("not staff", is_superuser=True)
    anna = User.objects.get(username="anna")
    errors = untick(client, anna, box).context["adminform"].form.errors
    assert list(errors) == [box]
    assert "the last active superuser" in errors[box][0]
    anna.refresh_from_db()
    assert getattr(anna, box)


def test_no_password_is_switched_off(sign_in: SignIn) -> None:
    carl = User.objects.create_superuser("carl", password="correct horse")
    sent = {"usable_password": "false", "unset-password": "1"}
    sign_in().post(address(carl, "password_change"), sent)
    carl.refresh_from_db()
    assert carl.has_usable_password()


def test_one_of_two_superusers_need_not_stay_one(sign_in: SignIn) -> None:
    client = sign_in()
    carl = User.objects.create_superuser("carl")
    assert untick(client, carl, "is_superuser").status_code == 302
    assert untick(client, User.objects.get(username="anna"), "is_active").status_code == 200


def test_whoever_is_no_superuser_can_be_deactivated_when_one_is_left(
    sign_in: SignIn, bo: User
) -> None:
    assert untick(sign_in(), bo, "is_active").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_superusers_who_deactivate_each_other_leave_one() -> None:
    users = [User.objects.create_superuser(name) for name in ("anna", "carl")]
    start = Barrier(2)

    def deactivate(acting: User, other: User) -> None:
        client = Client()
        client.force_login(acting)
        form = form_in(client.get(address(other)), "username")
        del form["is_active"]
        start.wait(timeout=30)
        client.post(address(other), form)
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(deactivate, users, reversed(users)))
    assert User.objects.filter(is_active=True).count() == 1


def test_no_list_of_groups_deletes_in_bulk(sign_in: SignIn) -> None:
    group = Group.objects.create(name="Others")
    data = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    sign_in().post("/admin/auth/group/", data)
    assert Group.objects.filter(name="Others").exists()
