"""The page that adds a queue item, with the validation of the API."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Permission, User
from django.forms import ModelForm
from django.forms.utils import ErrorDict
from django.test import Client
from django.urls import reverse

from queueapi.tests.helpers import Api, ClientResponse, SignIn, form_in
from queues.models import QueueItem

pytestmark = pytest.mark.django_db

ADD = reverse("admin:queues_queueitem_add")
OLD = UUID(int=1)
NEW_QUEUE = "No queue has this name yet: check the spelling, or save again to begin a new queue."
NO_JSON = "This is not valid JSON. Correct it, or save again to keep it as it is."


def add(client: Client, **fields: Any) -> ClientResponse:
    """Post the form of the page with these values, to a queue that has items."""
    QueueItem.objects.create(queue_name="Invoices", pk=OLD)
    return client.post(ADD, {**form_in(client.get(ADD), "queue_name"), **fields})


def added() -> QueueItem:
    return QueueItem.objects.exclude(pk=OLD).get()


def save_again(client: Client, page: ClientResponse, **fields: Any) -> ClientResponse:
    return client.post(ADD, {**form_in(page, "queue_name"), **fields})


def errors(response: ClientResponse) -> ErrorDict:
    form: ModelForm = response.context["adminform"].form
    return form.errors


def test_add_works(sign_in: SignIn) -> None:
    response = add(sign_in("Operators"), queue_name="Invoices", data='{"a": 1}', reference="R-1")
    assert response.status_code == 302
    item = added()
    assert (item.queue_name, item.data, item.reference) == ("Invoices", '{"a": 1}', "R-1")
    assert (item.status, item.message, item.created_by) == ("NEW", None, "anna")
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id) == (ADDITION, str(item.pk))
    assert 'queue: (empty) → "Invoices"; status: (empty) → NEW' in entry.get_change_message()


def test_viewers_get_403(sign_in: SignIn) -> None:
    assert sign_in("Viewers").get(ADD).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"queue_name": "x" * 101},
        {"queue_name": "  "},
        {"queue_name": "q", "data": "x" * 2001},
        {"queue_name": "q", "reference": "x" * 101},
        {"queue_name": "q", "created_by": "x" * 101},
        {"queue_name": "q", "created_date": "1752-12-31T00:00:00"},
        {"queue_name": "q", "created_date": "soon"},
        {"queue_name": "q", "created_date": " 2025-01-01 "},
        {"queue_name": "q", "message": "a\x00b"},
    ],
)
def test_errors_are_those_of_the_api(sign_in: SignIn, api: Api, fields: dict[str, Any]) -> None:
    refused = api.post("/api/queue", fields).json()["fields"]
    assert errors(add(sign_in(), **fields)) == refused
    assert not QueueItem.objects.exclude(pk=OLD).exists()


def test_only_the_queue_name_is_trimmed(sign_in: SignIn) -> None:
    add(sign_in(), queue_name=" Invoices ", data=" x ", message=" y ")
    item = added()
    assert (item.queue_name, item.data, item.message) == ("Invoices", " x ", " y ")


def test_creation_time_is_saved(sign_in: SignIn) -> None:
    add(sign_in(), queue_name="Invoices", created_date="2026-03-02T10:30")
    assert added().created_date.isoformat() == "2026-03-02T10:30:00"


def test_form_with_an_error_keeps_the_input(sign_in: SignIn) -> None:
    page = add(sign_in(), queue_name="", data="<b>typed</b>").content.decode()
    assert "&lt;b&gt;typed&lt;/b&gt;" in page


# Warnings, which a second save confirms.


def test_queues_are_suggested(sign_in: SignIn) -> None:
    QueueItem.objects.create(queue_name='<b>"Invoices"')
    page = sign_in().get(ADD).content.decode()
    assert 'list="queue-names"' in page
    assert '<option value="&lt;b&gt;&quot;Invoices&quot;"></option>' in page


def test_new_queue_needs_a_second_save(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    page = add(client, queue_name="HR")
    assert errors(page) == {"queue_name": [NEW_QUEUE]}
    assert save_again(client, page).status_code == 302
    assert added().queue_name == "HR"


def test_another_new_queue_is_asked_about_anew(sign_in: SignIn) -> None:
    client = sign_in()
    page = save_again(client, add(client, queue_name="HR"), queue_name="H R")
    assert errors(page) == {"queue_name": [NEW_QUEUE]}
    assert save_again(client, page).status_code == 302


@pytest.mark.parametrize("name", ["INVOICES", "In voices"])
def test_queue_with_a_similar_name_is_named(sign_in: SignIn, name: str) -> None:
    page = add(sign_in(), queue_name=name)
    assert errors(page)["queue_name"] == [NEW_QUEUE, 'Did you mean "Invoices"?']


@pytest.mark.parametrize("data", [" [1,]", "[" * 2000, "{'a': 1}"])
def test_data_that_looks_like_json_needs_a_second_save(sign_in: SignIn, data: str) -> None:
    client = sign_in()
    page = add(client, queue_name="Invoices", data=data)
    assert errors(page) == {"data": [NO_JSON]}
    assert save_again(client, page).status_code == 302
    assert added().data == data


def test_changed_data_is_warned_of_anew(sign_in: SignIn) -> None:
    client = sign_in()
    page = add(client, queue_name="Invoices", data="{a")
    assert errors(save_again(client, page, data="{b")) == {"data": [NO_JSON]}


@pytest.mark.parametrize("data", ['{"a": [1, null]}', "a text", "  "])
def test_json_and_texts_are_saved_at_once(sign_in: SignIn, data: str) -> None:
    assert add(sign_in(), queue_name="Invoices", data=data).status_code == 302


def test_one_second_save_confirms_both_warnings(sign_in: SignIn) -> None:
    client = sign_in()
    page = add(client, queue_name="HR", data="{a")
    assert errors(page) == {"queue_name": [NEW_QUEUE], "data": [NO_JSON]}
    assert save_again(client, page).status_code == 302


# An item like another.


def test_item_like_another_has_its_queue_data_and_reference(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    like = QueueItem.objects.create(
        queue_name="HR", data="æ" * 2000, reference="R-1", message="m", status="FAILED"
    )
    page = client.get(reverse("admin:queues_queueitem_change", args=[like.pk])).content.decode()
    assert f'href="{ADD}?like={like.pk}"' in page
    form = form_in(client.get(ADD, {"like": str(like.pk)}), "queue_name")
    assert (form["queue_name"], form["data"], form["reference"]) == ("HR", like.data, "R-1")
    assert (form["message"], form["status"], form["created_by"]) == ("", "NEW", "anna")


def test_viewers_can_not_add_another_item(sign_in: SignIn) -> None:
    like = QueueItem.objects.create(queue_name="HR")
    page = sign_in("Viewers").get(reverse("admin:queues_queueitem_change", args=[like.pk]))
    assert "?like=" not in page.content.decode()


def test_item_is_not_shown_to_users_who_may_only_add(client: Client) -> None:
    like = QueueItem.objects.create(queue_name="HR", data="secret")
    user = User.objects.create_user("bo", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_queueitem"))
    client.force_login(user)
    page = client.get(ADD, {"like": str(like.pk)})
    assert page.status_code == 200
    assert "secret" not in page.content.decode()


@pytest.mark.parametrize("like", ["", "x", "\0", "9" * 5000, str(UUID(int=7)), "٣" * 32])
def test_unknown_item_to_copy_is_ignored(sign_in: SignIn, like: str) -> None:
    form = form_in(sign_in().get(ADD, {"like": like}), "queue_name")
    assert (form["queue_name"], form["data"]) == ("", "")
