"""Audit log: its entries and its page."""

import json
from datetime import datetime
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.tests.helpers import SignIn
from queues.models import QueueItem
from queues.tests.helpers import change_url, item
from security.models import ApiKey
from triggers.models import Trigger
from triggers.tests.helpers import queue

pytestmark = pytest.mark.django_db

LIST = reverse("admin:admin_logentry_changelist")


@pytest.fixture
def bo(db: None) -> User:
    return User.objects.create_user("bo", is_staff=True)


def shown(client: Client, query: str = "") -> list[str]:
    """Return the messages of the listed entries."""
    return [entry.change_message for entry in client.get(LIST + query).context["cl"].result_list]


def test_it_works(sign_in: SignIn, bo: User) -> None:
    row = item(reference="INV-1")
    audit.record(bo.pk, CHANGE, [(row, "status: FAILED → NEW")])
    page = sign_in("Viewers").get(LIST).content.decode()
    for text in ("Audit log", "bo", "Change", "Queue item", "status: FAILED → NEW"):
        assert text.lower() in page.lower()
    assert f'<a href="{change_url(row)}">Invoices INV-1</a>' in page


def test_it_takes_few_queries(
    sign_in: SignIn, bo: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    audit.record(bo.pk, CHANGE, [(item(), str(n)) for n in range(40)])
    client = sign_in()
    client.get(LIST)  # Django caches content types
    # Session, user, entries with users and content types, users of the filter.
    with django_assert_num_queries(4):
        client.get(LIST)


def test_deleted_row_has_no_link(sign_in: SignIn, bo: User) -> None:
    row = item()
    audit.record(bo.pk, DELETION, [(row, "status: NEW")])
    assert change_url(row) not in sign_in().get(LIST).content.decode()


def test_page_of_an_entry_shows_its_sentence(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), changes(created_by="x"))])
    url = reverse("admin:admin_logentry_change", args=[LogEntry.objects.get().pk])
    page = unescape(sign_in().get(url).content.decode())
    assert 'created by: (empty) → "x"' in page
    assert '"field"' not in page


def test_it_is_filtered_by_user(sign_in: SignIn, bo: User) -> None:
    client = sign_in()
    anna = User.objects.get(username="anna")
    audit.record(bo.pk, CHANGE, [(item(), "by bo")])
    audit.record(anna.pk, CHANGE, [(item(), "by anna")])
    assert shown(client, f"?user={bo.pk}") == ["by bo"]


def test_it_is_filtered_by_content_type(sign_in: SignIn, bo: User) -> None:
    key, _ = ApiKey.objects.issue("ERP", None)
    audit.record(bo.pk, CHANGE, [(item(), "item"), (key, "key")])
    pk = LogEntry.objects.get(change_message="key").content_type_id
    assert shown(sign_in(), f"?content_type={pk}") == ["key"]


def test_it_is_filtered_by_time(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "now")])
    client = sign_in()
    assert shown(client, "?time_from=2020-01-01") == ["now"]
    assert shown(client, "?time_to=2020-01-01") == []


@pytest.mark.parametrize("query", ["?user=x", "?content_type=x", "?time_from=x"])
def test_invalid_filter_shows_no_rows(sign_in: SignIn, bo: User, query: str) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "now")])
    assert shown(sign_in(), query) == []


@pytest.mark.parametrize("text", ["inv-1", "ABANDONED", "Løn"])
def test_it_is_searched(sign_in: SignIn, bo: User, text: str) -> None:
    found = item(reference="INV-1")
    message = changes(status="ABANDONED", message="Løn")
    audit.record(bo.pk, CHANGE, [(found, message), (item(reference="x"), "b")])
    [entry] = sign_in().get(f"{LIST}?q={text}").context["cl"].result_list
    assert entry.object_id == str(found.pk)


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_entries_of_keys_need_the_permission_to_view_keys(
    sign_in: SignIn, bo: User, role: str
) -> None:
    key, _ = ApiKey.objects.issue("ERP", None)
    audit.record(bo.pk, ADDITION, [(key, "key"), (bo, "user"), (item(), "item")])
    assert shown(sign_in(role)) == ["item"]
    assert shown(sign_in("Security admins", "carl")) == ["item", "key"]


def test_entries_are_not_changed_or_deleted(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), "a")])
    entry = LogEntry.objects.get()
    client = sign_in()
    for page in ("change", "delete"):
        url = reverse(f"admin:admin_logentry_{page}", args=[entry.pk])
        assert client.post(url, {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "1"})
    assert LogEntry.objects.get().change_message == "a"


def test_stored_markup_is_shown_as_text(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item("<b>x</b>"), "<i>y</i>")])
    page = sign_in().get(LIST).content.decode()
    assert "<b>x" not in page
    assert "<i>y" not in page


def changes(**fields: Any) -> list[audit.Change]:
    """The changes of an item's empty fields to these values."""
    return audit.difference(QueueItem, {}, fields)


def test_changes_are_stored_as_json(bo: User) -> None:
    ended = datetime(2026, 11, 24, 10, 3)
    audit.record(bo.pk, CHANGE, [(item(), changes(message="Løn", end_date=ended))])
    assert json.loads(LogEntry.objects.get().change_message) == [
        {"field": "message", "old": None, "new": "Løn"},
        {"field": "end_date", "old": None, "new": "2026-11-24T10:03:00"},
    ]


def test_changes_are_shown_as_a_sentence(sign_in: SignIn, bo: User) -> None:
    row = item()
    before = {"status": "FAILED", "end_date": datetime(2026, 11, 24, 10, 3)}
    after = {"status": "NEW", "end_date": None, "message": 'say "x"'}
    audit.record(bo.pk, CHANGE, [(row, audit.difference(QueueItem, before, after))])
    client = sign_in()
    sentence = (
        "status: FAILED → NEW; ended: 2026-11-24 10:03:00 → (empty); "
        r'message: (empty) → "say \"x\""'
    )
    for url in (LIST, change_url(row), reverse("admin:queues_queueitem_history", args=[row.pk])):
        assert sentence in unescape(client.get(url).content.decode())


def test_changes_are_shown_in_danish(sign_in: SignIn, bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(item(), changes(created_by="x"))])
    page = sign_in().get(LIST, headers={"Accept-Language": "da"}).content.decode()
    assert "oprettet af: (tomt) → &quot;x&quot;" in page


@pytest.mark.parametrize(("model", "name"), [(User, "password"), (ApiKey, "hashed_secret")])
def test_secret_is_logged_without_its_values(model: type[Model], name: str) -> None:
    assert audit.difference(model, {name: "old"}, {name: "new"}) == [{"field": name}]


def test_secret_is_shown_as_changed(bo: User) -> None:
    audit.record(bo.pk, CHANGE, [(bo, [{"field": "password"}])])
    assert LogEntry.objects.get().get_change_message() == "password: changed"


def test_field_of_a_child_model_has_its_label(bo: User) -> None:
    trigger = queue()
    message = audit.difference(type(trigger), {"min_batch_size": 5}, {"min_batch_size": 7})
    audit.record(bo.pk, CHANGE, [(Trigger(pk=trigger.pk), message)])
    assert LogEntry.objects.get().get_change_message() == "batch size: 5 → 7"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("status: FAILED → NEW", "status: FAILED → NEW"),
        ('[{"changed": {"fields": ["Status"]}}]', "Changed Status."),
        ('[{"field": "gone", "old": 1, "new": 2}]', "gone: 1 → 2"),
        ("[x", "[x"),
        ('[{"field": "status", "old": "x"', '[{"field": "status", "old": "x"'),
        ('[{"field": "a", "old": [1]}]', '[{"field": "a", "old": [1]}]'),
        ("", ""),
    ],
)
def test_other_messages_are_shown(bo: User, stored: str, shown: str) -> None:
    audit.record(bo.pk, CHANGE, [(item(), stored)])
    assert LogEntry.objects.get().get_change_message() == shown


@pytest.mark.parametrize("content_type", [None, "gone"])
def test_changes_of_an_unknown_model_are_shown(bo: User, content_type: str | None) -> None:
    audit.record(bo.pk, CHANGE, [(item(), changes(message="x"))])
    gone = content_type and ContentType.objects.create(app_label="gone", model=content_type)
    LogEntry.objects.update(content_type=gone)
    assert LogEntry.objects.get().get_change_message() == 'message: (empty) → "x"'


def test_long_value_is_truncated() -> None:
    [change] = audit.difference(QueueItem, {"message": "a"}, {"message": "x" * 3000})
    assert change["new"] == "x" * 2000 + "… (3000 characters)"
