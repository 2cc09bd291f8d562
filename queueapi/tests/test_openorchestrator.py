"""OpenOrchestrator, unmodified, reads and works on our tables."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def single(status: str = "DONE") -> None:
    SingleTrigger.objects.create(
        trigger_name="Report",
        process_name="Report",
        process_path="report.py",
        process_status=status,
        next_run=timezone.now() - timedelta(minutes=1),
    )


def test_a_robot_takes_a_pushed_item_and_sets_it_done(api: Api, orchestrator) -> None:
    pushed = api.post("/api/queue", {"queue_name": "Invoices", "data": {"case": "æ🤖"}}).json()

    taken = orchestrator(
        """
item = db_util.get_next_queue_element("Invoices")
db_util.set_queue_element_status(item.id, QueueStatus.DONE, "Paid")
answer = [item.id, item.status.name, item.data]
"""
    )

    assert taken == [pushed["id"], "IN_PROGRESS", '{"case": "æ🤖"}']
    item = QueueItem.objects.get()
    assert item.status == "DONE"
    assert item.message == "Paid"
    assert item.start_date <= item.end_date <= timezone.now()


def test_a_robot_takes_the_oldest_item_first(api: Api, orchestrator) -> None:
    for date in ("2025-03-01T12:00:00.5", "2025-03-01T12:00:00", "2025-03-01T12:00:01"):
        api.post("/api/queue", {"queue_name": "q", "reference": date, "created_date": date})
    taken = orchestrator("answer = [db_util.get_next_queue_element('q').reference for _ in '123']")
    assert taken == ["2025-03-01T12:00:00", "2025-03-01T12:00:00.5", "2025-03-01T12:00:01"]


@pytest.mark.parametrize("status", QueueItem.Status.values)
def test_a_robot_reads_every_status_that_the_api_stores(
    api: Api, orchestrator, status: Any
) -> None:
    api.post("/api/queue", {"queue_name": "q", "status": status.lower()})
    answer = orchestrator("answer = [item.status.name for item in db_util.get_queue_elements('q')]")
    assert answer == [status]


def test_a_robot_reads_a_message_longer_than_its_column_was(api: Api, orchestrator) -> None:
    api.post("/api/queue", {"queue_name": "q", "message": "x" * 5000})
    assert orchestrator("answer = len(db_util.get_queue_elements('q')[0].message)") == 5000


def test_we_read_what_a_robot_pushed(orchestrator, db: None) -> None:
    orchestrator("db_util.create_queue_element('q', 'ref', 'data', 'robot')")
    item = QueueItem.objects.get()
    assert (item.status, item.reference, item.data) == ("NEW", "ref", "data")
    assert abs(item.created_date - timezone.now()) < timedelta(minutes=1)


def test_the_scheduler_starts_a_trigger_that_the_api_re_armed(api: Api, orchestrator) -> None:
    single("DONE")
    pending = "answer = [trigger.trigger_name for trigger in db_util.get_pending_single_triggers()]"
    assert orchestrator(pending) == []

    api.post("/api/trigger", {"trigger_name": "Report"})

    assert orchestrator(pending) == ["Report"]
    begin = "answer = db_util.begin_single_trigger(db_util.get_pending_single_triggers()[0].id)"
    assert orchestrator(begin) is True
    assert Trigger.objects.get().process_status == "RUNNING"


@pytest.mark.parametrize("status", Trigger.Status.values)
def test_the_scheduler_reads_every_status_that_the_api_stores(
    api: Api, orchestrator, status: Any
) -> None:
    single()
    api.post("/api/trigger", {"trigger_name": "Report", "process_status": status.lower()})
    assert orchestrator("answer = db_util.get_all_triggers()[0].process_status.name") == status


def test_a_queue_trigger_sees_the_pushed_items(api: Api, orchestrator) -> None:
    QueueTrigger.objects.create(
        trigger_name="Waiting",
        process_name="Report",
        process_path="report.py",
        queue_name="q",
        min_batch_size=2,
    )
    pending = "answer = len(db_util.get_pending_queue_triggers())"
    api.post("/api/queue", {"queue_name": "q"})
    assert orchestrator(pending) == 0
    api.post("/api/queue", {"queue_name": "q"})
    assert orchestrator(pending) == 1


def test_the_scheduler_reads_every_field_of_the_triggers_that_we_make(orchestrator) -> None:
    ScheduledTrigger.objects.create(
        trigger_name="Nightly",
        process_name="Report",
        process_path="report.py",
        scheduler_whitelist='["ROBOT-01"]',
        is_git_repo=True,
        priority=3,
        next_run=timezone.now(),
        cron_expr="0 2 * * *",
    )
    fields = [
        "trigger_name",
        "cron_expr",
        "scheduler_whitelist",
        "is_git_repo",
        "is_blocking",
        "priority",
    ]
    answer = orchestrator(
        f"answer = [getattr(db_util.get_scheduled_triggers()[0], f) for f in {fields!r}]"
    )
    assert answer == ["Nightly", "0 2 * * *", ["ROBOT-01"], True, False, 3]


def test_we_read_the_triggers_that_it_makes(orchestrator, db: None) -> None:
    orchestrator(
        """
from datetime import datetime
now = datetime.now()
db_util.create_single_trigger("One", "P", now, "path", "", False, False, 0, ["ROBOT-01"])
db_util.create_scheduled_trigger("Two", "P", "0 2 * * *", now, "path", "", False, True, 1)
db_util.create_queue_trigger("Three", "P", "q", "path", "", True, False, 5, 2)
"""
    )
    assert SingleTrigger.objects.get().scheduler_whitelist == '["ROBOT-01"]'
    assert ScheduledTrigger.objects.get().cron_expr == "0 2 * * *"
    assert QueueTrigger.objects.get().min_batch_size == 5
    assert set(Trigger.objects.values_list("type", flat=True)) == {"SINGLE", "SCHEDULED", "QUEUE"}
