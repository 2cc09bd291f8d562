"""The page that adds a queue item, with the validation of the API."""

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.forms import ModelForm
from django.forms.utils import ErrorDict
from django.test import Client
from django.urls import reverse

from queueapi.tests.helpers import Api, ClientResponse, SignIn, form_in
from queues.models import QueueItem

pytestmark = pytest.mark.django_db

ADD = reverse("admin:queues_queueitem_add")


def add(client: Client, **fields: Any) -> ClientResponse:
    return client.post(ADD, {**form_in(client.get(ADD), "queue_name"), **fields})


def errors(response: ClientResponse) -> ErrorDict:
    form: ModelForm = response.context["adminform"].form
    return form.errors


def test_add_works(sign_in: SignIn) -> None:
    response = add(sign_in("Operators"), queue_name="Invoices", data='{"a": 1}', reference="R-1")
    assert response.status_code == 302
    item = QueueItem.objects.get()
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
    assert not QueueItem.objects.exists()


def test_only_the_queue_name_is_trimmed(sign_in: SignIn) -> None:
    add(sign_in(), queue_name=" Invoices ", data=" x ", message=" y ")
    item = QueueItem.objects.get()
    assert (item.queue_name, item.data, item.message) == ("Invoices", " x ", " y ")


def test_creation_time_is_saved(sign_in: SignIn) -> None:
    add(sign_in(), queue_name="q", created_date="2026-03-02T10:30")
    assert QueueItem.objects.get().created_date.isoformat() == "2026-03-02T10:30:00"


def test_form_with_an_error_keeps_the_input(sign_in: SignIn) -> None:
    page = add(sign_in(), queue_name="", data="<b>typed</b>").content.decode()
    assert "&lt;b&gt;typed&lt;/b&gt;" in page
