"""Unmodified OpenOrchestrator reads and writes our tables."""

from datetime import timedelta

import pytest
from django.utils import timezone

from queueapi.tests.helpers import Api
from queueapi.tests.orchestrator_fixtures import Orchestrator
from queues.models import QueueItem
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def single(trigger_name: str) -> None:
    SingleTrigger.objects.create(
        trigger_name=trigger_name,
        process_name="Report",
        process_path="report.py",
        process_status=Trigger.Status.DONE,
        next_run=timezone.now() - timedelta(minutes=1),
    )


def test_a_robot_takes_a_pushed_item_and_sets_it_done(api: Api, orchestrator: Orchestrator) -> None:
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
    assert item.start_date
    assert item.end_date
    assert item.start_date <= item.end_date <= timezone.now()


def test_a_robot_takes_the_oldest_item_first(api: Api, orchestrator: Orchestrator) -> None:
    for date in ("2025-03-01T12:00:00.5", "2025-03-01T12:00:00", "2025-03-01T12:00:01"):
        api.post("/api/queue", {"queue_name": "q", "reference": date, "created_date": date})
    taken = orchestrator("answer = [db_util.get_next_queue_element('q').reference for _ in '123']")
    assert taken == ["2025-03-01T12:00:00", "2025-03-01T12:00:00.5", "2025-03-01T12:00:01"]


def test_a_robot_reads_every_status_that_the_api_stores(
    api: Api, orchestrator: Orchestrator
) -> None:
    for status in QueueItem.Status.values:
        api.post("/api/queue", {"queue_name": "q", "status": status.lower()})
    statuses = orchestrator("answer = [i.status.name for i in db_util.get_queue_elements('q')]")
    assert sorted(statuses) == sorted(QueueItem.Status.values)


def test_a_robot_reads_a_message_longer_than_its_own_column(
    api: Api, orchestrator: Orchestrator
) -> None:
    api.post("/api/queue", {"queue_name": "q", "message": "x" * 5000})
    assert orchestrator("answer = len(db_util.get_queue_elements('q')[0].message)") == 5000


def test_an_item_that_a_robot_pushed_is_read(orchestrator: Orchestrator, db: None) -> None:
    orchestrator("db_util.create_queue_element('q', 'ref', 'data', 'robot')")
    item = QueueItem.objects.get()
    assert (item.status, item.reference, item.data) == ("NEW", "ref", "data")
    assert abs(item.created_date - timezone.now()) < timedelta(minutes=1)


def test_the_scheduler_starts_a_trigger_that_the_api_re_armed(
    api: Api, orchestrator: Orchestrator
) -> None:
    single("Report")
    pending = "answer = [trigger.trigger_name for trigger in db_util.get_pending_single_triggers()]"
    assert orchestrator(pending) == []

    api.post("/api/trigger", {"trigger_name": "Report"})

    assert orchestrator(pending) == ["Report"]
    begin = "answer = db_util.begin_single_trigger(db_util.get_pending_single_triggers()[0].id)"
    assert orchestrator(begin) is True
    assert Trigger.objects.get().process_status == "RUNNING"


def test_the_scheduler_reads_every_status_that_the_api_stores(
    api: Api, orchestrator: Orchestrator
) -> None:
    for status in Trigger.Status.values:
        single(trigger_name=status)
        api.post("/api/trigger", {"trigger_name": status, "process_status": status.lower()})
    answer = orchestrator(
        "answer = {t.trigger_name: t.process_status.name for t in db_util.get_all_triggers()}"
    )
    assert answer == {status: status for status in Trigger.Status.values}


def test_a_queue_trigger_counts_the_pushed_items(api: Api, orchestrator: Orchestrator) -> None:
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


def test_the_scheduler_reads_every_field_of_our_triggers(orchestrator: Orchestrator) -> None:
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


def test_triggers_that_openorchestrator_makes_are_read(
    orchestrator: Orchestrator, db: None
) -> None:
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
