"""What the tests of the back office share."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from queueapi.tests.helpers import form_in
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

LIST = reverse("admin:triggers_trigger_changelist")
Status = Trigger.Status


PROCESS = {"process_name": "Year-end", "process_path": "C:\\Robots\\main.py"}


def single(**fields) -> SingleTrigger:
    fields = {"trigger_name": "Report", **PROCESS, **fields}
    return SingleTrigger.objects.create(next_run=timezone.now() + timedelta(days=1), **fields)


def scheduled(**fields) -> ScheduledTrigger:
    fields = {"trigger_name": "Nightly", **PROCESS, "cron_expr": "30 7 * * 1-5", **fields}
    return ScheduledTrigger.objects.create(next_run=timezone.now() + timedelta(days=1), **fields)


def queue(**fields) -> QueueTrigger:
    fields = {**PROCESS, "queue_name": "Invoices", "min_batch_size": 5, **fields}
    return QueueTrigger.objects.create(**{"trigger_name": "Waiting", **fields})


def page_of(trigger: Trigger) -> str:
    return reverse(f"admin:triggers_{trigger.type.lower()}trigger_change", args=[trigger.pk])


def status(trigger: Trigger) -> str:
    return Trigger.objects.get(pk=trigger.pk).process_status


def scheduler_sets(trigger: Trigger, **fields) -> None:
    """A write beside ours, behind the back of whoever looks at the trigger."""
    Trigger.objects.filter(pk=trigger.pk).update(**fields)


def ask(client, action: str, *triggers: Trigger, **more):
    """Choose an action for these in the list; the answer is the question."""
    chosen = [trigger.pk for trigger in triggers]
    return client.post(LIST, {"action": action, "_selected_action": chosen, "index": "0", **more})


def confirm(client, question):
    return client.post(LIST, form_in(question, "selection"), follow=True)


def click(client, action: str, trigger: Trigger, shown: str | None = None, **headers):
    """The button beside a trigger, as a page that showed this status has it."""
    url = reverse("admin:triggers_trigger_at_once", args=[trigger.pk, action])
    return client.post(url, {"shown": shown or trigger.process_status}, **headers)
