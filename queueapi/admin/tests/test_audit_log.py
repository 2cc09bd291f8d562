"""The page of the audit log."""

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.tests.helpers import SignIn
from queues.models import QueueItem
from queues.tests.helpers import item, page_of
from security.models import ApiKey

pytestmark = pytest.mark.django_db

LIST = reverse("admin:admin_logentry_changelist")


@pytest.fixture
def bo(db: None) -> User:
    return User.objects.create_user("bo", is_staff=True)


def shown(client: Client, query: str = "") -> list[str]:
    return [entry.change_message for entry in client.get(LIST + query).context["cl"].result_list]


def test_it_works(sign_in: SignIn, bo: User) -> None:
    row = item(reference="INV-1")
    audit.record(bo.pk, CHANGE, [(row, "status: FAILED → NEW")])
    page = sign_in("Viewers").get(LIST).content.decode()
    for text in ("Audit log", "bo", "Change", "Queue item", "status: FAILED → NEW"):
        assert text.lower() in page.lower()
    assert f'<a href="{page_of(row)}">Invoices INV-1</a>' in page


def test_it_takes_few_queries(
    sign_in: SignIn, bo: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    audit.record(bo.pk, CHANGE, [(item(), str(n)) for n in range(40)])
    client = sign_in()
    client.get(LIST)  # Django remembers the kinds of rows
    # Session, user, entries with their users and kinds, and the users for the filter.
    with django_assert_num_queries(4):
        client.get(LIST)


def test_what_is_deleted_has_no_link(sign_in: SignIn, bo: User) -> None:
    row = item()
    audit.record(bo.pk, DELETION, [(row, "status: NEW")])
    assert page_of(row) not in sign_in().get(LIST).content.decode()


def test_it_is_filtered_by_user(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    anna = User.objects.get(username="anna")
    audit.record(bo.pk, CHANGE, [(item(), "by bo")])
    audit.record(anna.pk, CHANGE, [(item(), "by anna")])
    assert shown(client, f"?user={bo.pk}") == ["by bo"]


def test_it_is_filtered_by_kind(sign_in: SignIn, bo: User) -> None:
    key, _ = ApiKey.objects.issue("ERP", None)
    audit.record(bo.pk, CHANGE, [(item(), "item"), (key, "key")])
    kind = LogEntry.objects.get(change_message="key").content_type_id
    assert shown(sign_in(), f"?content_type={kind}") == ["key"]


def test_it_is_filtered_by_time(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "now")])
    client = sign_in()
    assert shown(client, "?time_from=2020-01-01") == ["now"]
    assert shown(client, "?time_to=2020-01-01") == []


@pytest.mark.parametrize("query", ["?user=x", "?content_type=x", "?time_from=x"])
def test_an_odd_filter_shows_nothing(sign_in: SignIn, bo: User, query: str) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "now")])
    assert shown(sign_in(), query) == []


def test_it_is_searched(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(reference="INV-1"), "a"), (item(reference="x"), "b")])
    assert shown(sign_in(), "?q=inv-1") == ["a"]


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_what_was_done_to_keys_is_for_who_may_see_keys(
    sign_in: SignIn, bo: User, role: str
) -> None:
    key, _ = ApiKey.objects.issue("ERP", None)
    audit.record(bo.pk, ADDITION, [(key, "key"), (bo, "user"), (item(), "item")])
    assert shown(sign_in(role)) == ["item"]
    assert shown(sign_in("Security admins", "carl")) == ["item", "key"]


def test_nobody_changes_it(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "a")])
    entry = LogEntry.objects.get()
    client = sign_in()
    for verb in ("change", "delete"):
        url = reverse(f"admin:admin_logentry_{verb}", args=[entry.pk])
        assert client.post(url, {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "1"})
    assert LogEntry.objects.get().change_message == "a"


def test_stored_markup_is_shown_as_text(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item("<b>x</b>"), "<i>y</i>")])
    page = sign_in().get(LIST).content.decode()
    assert "<b>x" not in page
    assert "<i>y" not in page


def test_a_long_value_is_cut_and_its_length_is_said() -> None:
    text = audit.difference(QueueItem, {"message": "a"}, {"message": "x" * 3000})
    assert text.endswith("… (3002 characters)")
    assert len(text) < 2100
