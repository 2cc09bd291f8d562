"""What the tests of the back office share."""

from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from queueapi.tests.helpers import form_in
from queues.models import QueueItem

LIST = reverse("admin:queues_queueitem_changelist")
Status = QueueItem.Status


def item(queue_name: str = "Invoices", **fields) -> QueueItem:
    return QueueItem.objects.create(queue_name=queue_name, **fields)


def failed(**fields) -> QueueItem:
    now = timezone.now()
    times = {"start_date": now - timedelta(minutes=2), "end_date": now - timedelta(minutes=1)}
    return item(status=Status.FAILED, **{**times, **fields})


def page_of(row: QueueItem) -> str:
    return reverse("admin:queues_queueitem_change", args=[row.pk])


def ask(client: Client, action: str, *rows: QueueItem, query: str = "", **more):
    """Choose an action for these rows of the list; the answer is the question."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows], "index": "0"}
    return client.post(LIST + query, {**chosen, **more})


def confirm(client: Client, question, query: str = ""):
    return client.post(LIST + query, form_in(question, "selection"), follow=True)


def robot_sets(row: QueueItem, **fields) -> None:
    """A write beside ours, behind the back of whoever looks at the row."""
    QueueItem.objects.filter(pk=row.pk).update(**fields)
