"""Rows and requests that several tests of the admin of queue items use."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from queueapi.tests.helpers import ClientResponse, form_in
from queues.models import QueueItem

LIST = reverse("admin:queues_queueitem_changelist")
Status = QueueItem.Status


def item(queue_name: str = "Invoices", **fields: Any) -> QueueItem:
    return QueueItem.objects.create(queue_name=queue_name, **fields)


def failed(**fields: Any) -> QueueItem:
    now = timezone.now()
    times = {"start_date": now - timedelta(minutes=2), "end_date": now - timedelta(minutes=1)}
    return item(status=Status.FAILED, **{**times, **fields})


def change_url(row: QueueItem) -> str:
    return reverse("admin:queues_queueitem_change", args=[row.pk])


def select_action(
    client: Client, action: str, *rows: QueueItem, query: str = "", **more: Any
) -> ClientResponse:
    """Post an action on these rows from the list; the response is the confirmation page."""
    selected = {"action": action, "_selected_action": [row.pk for row in rows], "index": "0"}
    return client.post(LIST + query, {**selected, **more})


def confirm(client: Client, page: ClientResponse, query: str = "") -> ClientResponse:
    """Confirm an action; the response is the next page."""
    return client.post(LIST + query, form_in(page, "selection"), follow=True)


def robot_sets(row: QueueItem, **fields: Any) -> None:
    """Change the row as a robot does, without the admin."""
    QueueItem.objects.filter(pk=row.pk).update(**fields)
