"""Rows and requests that several tests of the admin of triggers use."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from queueapi.tests.helpers import ClientResponse, form_in
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger
from triggers.models.schedulers import Job, Log, Scheduler

LIST = reverse("admin:triggers_trigger_changelist")
Status = Trigger.Status


PROCESS = {"process_name": "Year-end", "process_path": "C:\\Robots\\main.py"}


def single(**fields: Any) -> SingleTrigger:
    fields = {"trigger_name": "Report", **PROCESS, **fields}
    return SingleTrigger.objects.create(next_run=timezone.now() + timedelta(days=1), **fields)


def scheduled(**fields: Any) -> ScheduledTrigger:
    fields = {"trigger_name": "Nightly", **PROCESS, "cron_expr": "30 7 * * 1-5", **fields}
    return ScheduledTrigger.objects.create(next_run=timezone.now() + timedelta(days=1), **fields)


def queue(**fields: Any) -> QueueTrigger:
    fields = {**PROCESS, "queue_name": "Invoices", "min_batch_size": 5, **fields}
    return QueueTrigger.objects.create(**{"trigger_name": "Waiting", **fields})


def scheduler(machine_name: str = "ROBOT-01", seconds: float = 0, **fields: Any) -> Scheduler:
    """Create a scheduler that was in contact so many seconds ago."""
    last_update = timezone.now() - timedelta(seconds=seconds)
    return Scheduler.objects.create(machine_name=machine_name, last_update=last_update, **fields)


def job(**fields: Any) -> Job:
    """Create a job that started a minute ago and ended now."""
    now = timezone.now()
    times = {"start_time": now - timedelta(minutes=1), "end_time": now}
    names = {"process_name": PROCESS["process_name"], "scheduler_name": "ROBOT-01"}
    return Job.objects.create(**{"id": uuid4(), "status": "DONE", **names, **times, **fields})


def log(job: Job, log_message: str = "Done", **fields: Any) -> Log:
    """Create a line of the job, at its start."""
    own = {"job_id": job.pk, "process_name": job.process_name, "log_time": job.start_time}
    line = {"id": uuid4(), "log_level": "INFO", "log_message": log_message}
    return Log.objects.create(**{**line, **own, **fields})


def job_url(job: Job) -> str:
    return reverse("admin:triggers_trigger_job", args=[job.pk])


def change_url(trigger: Trigger) -> str:
    return reverse(f"admin:triggers_{trigger.type.lower()}trigger_change", args=[trigger.pk])


def status(trigger: Trigger) -> str:
    return Trigger.objects.get(pk=trigger.pk).process_status


def scheduler_sets(trigger: Trigger, **fields: Any) -> None:
    """Change the trigger as OpenOrchestrator's scheduler does, without the admin."""
    Trigger.objects.filter(pk=trigger.pk).update(**fields)


def select_action(client: Client, action: str, *triggers: Trigger, **more: Any) -> ClientResponse:
    """Post an action on these triggers from the list; the response is the confirmation page."""
    pks = [trigger.pk for trigger in triggers]
    return client.post(LIST, {"action": action, "_selected_action": pks, "index": "0", **more})


def confirm(client: Client, page: ClientResponse) -> ClientResponse:
    return client.post(LIST, form_in(page, "selection"), follow=True)


def click(
    client: Client, action: str, trigger: Trigger, shown: str | None = None, **headers: Any
) -> ClientResponse:
    """Post a one-click action from a page that shows the trigger with the status `shown`."""
    url = reverse("admin:triggers_trigger_at_once", args=[trigger.pk, action])
    return client.post(url, {"shown": shown or trigger.process_status}, **headers)
