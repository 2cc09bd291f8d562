"""Adding a queue item by hand: by the API's own rules."""

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.test import Client
from django.urls import reverse

from queueapi.tests.helpers import Api, SignIn, form_in
from queues.models import QueueItem

pytestmark = pytest.mark.django_db

ADD = reverse("admin:queues_queueitem_add")


def add(client: Client, **fields: str):
    return client.post(ADD, {**form_in(client.get(ADD), "queue_name"), **fields})


def errors(response) -> dict[str, list[str]]:
    return response.context["adminform"].form.errors


def test_it_works(sign_in: SignIn) -> None:
    response = add(sign_in("Operators"), queue_name="Invoices", data='{"a": 1}', reference="R-1")
    assert response.status_code == 302
    item = QueueItem.objects.get()
    assert (item.queue_name, item.data, item.reference) == ("Invoices", '{"a": 1}', "R-1")
    assert (item.status, item.message, item.created_by) == ("NEW", None, "anna")
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id) == (ADDITION, str(item.pk))
    assert 'queue: (empty) → "Invoices"; status: (empty) → NEW' in entry.get_change_message()


def test_viewers_may_not(sign_in: SignIn) -> None:
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
def test_what_the_api_refuses_is_refused_in_the_same_words(
    sign_in: SignIn, api: Api, fields: dict[str, Any]
) -> None:
    refused = api.post("/api/queue", fields).json()["fields"]
    assert errors(add(sign_in(), **fields)) == refused
    assert not QueueItem.objects.exists()


def test_a_name_is_trimmed_and_other_texts_are_not(sign_in: SignIn) -> None:
    add(sign_in(), queue_name=" Invoices ", data=" x ", message=" y ")
    item = QueueItem.objects.get()
    assert (item.queue_name, item.data, item.message) == ("Invoices", " x ", " y ")


def test_a_time_of_creation_is_taken(sign_in: SignIn) -> None:
    add(sign_in(), queue_name="q", created_date="2026-03-02T10:30")
    assert QueueItem.objects.get().created_date.isoformat() == "2026-03-02T10:30:00"


def test_what_was_typed_is_kept_beside_an_error(sign_in: SignIn) -> None:
    page = add(sign_in(), queue_name="", data="<b>typed</b>").content.decode()
    assert "&lt;b&gt;typed&lt;/b&gt;" in page
