"""Triggers that are due and that no scheduler starts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.late_triggers import late_triggers
from queueapi.tests.orchestrator_fixtures import Orchestrator
from queues.tests.helpers import item
from triggers.models import ScheduledTrigger, SingleTrigger, Trigger
from triggers.tests.helpers import Status, queue, scheduled, single

pytestmark = pytest.mark.django_db

ALIVE = ["ROBOT-01", "ROBOT-02"]
MINUTE = timedelta(minutes=1)


def names(alive: list[str] = ALIVE) -> list[str]:
    return [trigger.trigger_name for trigger in late_triggers(alive)]


def due(minutes: float = 6, **fields: Any) -> Trigger:
    """Create a trigger of type SINGLE that has been due for these minutes."""
    trigger = single(**fields)
    SingleTrigger.objects.filter(pk=trigger.pk).update(next_run=timezone.now() - minutes * MINUTE)
    return trigger


def waiting(items: int, minutes: float = 6, **fields: Any) -> Trigger:
    """Create a queue trigger, and items of its queue that have been NEW for these minutes."""
    for _ in range(items):
        item("Invoices", created_date=timezone.now() - minutes * MINUTE)
    return queue(**{"min_batch_size": 2, **fields})


def test_it_works(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    due(trigger_name="B")
    ScheduledTrigger.objects.filter(pk=scheduled(trigger_name="A").pk).update(
        next_run=timezone.now() - 6 * MINUTE
    )
    waiting(2, trigger_name="C")
    # Running triggers, due ones.
    with django_assert_num_queries(2):
        assert names() == ["A", "B", "C"]


def test_trigger_has_five_minutes() -> None:
    due(minutes=4)
    assert names() == []


def test_only_idle_triggers_are_late() -> None:
    for status in Status:
        due(process_status=status, trigger_name=status)
    assert names() == ["IDLE"]


def test_without_an_active_scheduler_no_trigger_is_late() -> None:
    due()
    assert names([]) == []


@pytest.mark.parametrize(
    ("machines", "is_late"),
    [
        (None, True),
        ("[]", True),
        ("null", True),
        ('["ROBOT-02"]', True),
        ('["ROBOT-03", "ROBOT-01"]', True),
        ('["ROBOT-03"]', False),
        ('["robot-01"]', False),
    ],
)
def test_a_scheduler_that_may_run_it_has_to_be_active(machines: str | None, is_late: bool) -> None:
    due(scheduler_whitelist=machines)
    assert bool(names()) is is_late


@pytest.mark.parametrize("status", Trigger.RUNNING_STATUSES)
def test_triggers_wait_for_a_blocking_one(status: str) -> None:
    due()
    single(process_status=status, is_blocking=True)
    assert names() == []


def test_triggers_do_not_wait_for_others() -> None:
    due(trigger_name="Late")
    single(process_status=Status.RUNNING)
    assert names() == ["Late"]


def test_a_blocking_trigger_waits_for_all() -> None:
    due(is_blocking=True)
    single(process_status=Status.RUNNING)
    assert names() == []


def test_triggers_do_not_wait_for_those_of_other_machines() -> None:
    due(trigger_name="Late", scheduler_whitelist='["ROBOT-02"]', is_blocking=True)
    due(scheduler_whitelist='["ROBOT-01"]')
    running = {"process_status": Status.RUNNING, "is_blocking": True}
    single(scheduler_whitelist='["ROBOT-01"]', **running)
    single(scheduler_whitelist='["SILENT"]', **running)
    assert names() == ["Late"]


def test_triggers_do_not_wait_for_a_blocking_one_that_ended() -> None:
    due(trigger_name="Late")
    for status in (Status.DONE, Status.FAILED, Status.KILLED, Status.PAUSED):
        single(process_status=status, is_blocking=True)
    assert names() == ["Late"]


def test_queue_trigger_needs_a_batch() -> None:
    waiting(1)
    item("Other", created_date=timezone.now() - 6 * MINUTE)
    item("Invoices", status="DONE", created_date=timezone.now() - 6 * MINUTE)
    assert names() == []


def test_items_have_five_minutes() -> None:
    waiting(1)
    item("Invoices", created_date=timezone.now() - 4 * MINUTE)
    assert names() == []


def test_items_that_a_queue_trigger_has_just_left_have_five_minutes() -> None:
    trigger = waiting(2, last_run=timezone.now() - MINUTE)
    assert names() == []
    Trigger.objects.filter(pk=trigger.pk).update(last_run=timezone.now() - 6 * MINUTE)
    assert names() == ["Waiting"]


def test_late_triggers_say_since_when() -> None:
    since = SingleTrigger.objects.get(pk=due().pk).next_run
    waiting(3)
    assert [(each.due_since, each.waiting) for each in late_triggers(ALIVE)] == [
        (since, None),
        (None, 3),
    ]


POLL = """
from types import SimpleNamespace
from OpenOrchestrator.scheduler import runner, util

class Setting:
    get = staticmethod(lambda: False)  # triggers without a whitelist too

def poll(machine, running_jobs):
    # As run_tab.check_triggers, until no trigger is left.
    util.get_scheduler_name = lambda: machine
    app = SimpleNamespace(
        running_jobs=running_jobs, settings_tab_=SimpleNamespace(whitelist_value=Setting)
    )
    names = []
    while not any(job.trigger.is_blocking for job in running_jobs):
        trigger = runner.poll_triggers(app)
        if trigger is None:
            break
        names.append(trigger.trigger_name)
        db_util.set_trigger_status(trigger.id, TriggerStatus.PAUSED)
    for trigger in db_util.get_all_triggers():
        if trigger.process_status == TriggerStatus.PAUSED:
            db_util.set_trigger_status(trigger.id, TriggerStatus.IDLE)
    return names

def started(*running):
    jobs = [SimpleNamespace(trigger=trigger) for trigger in running]
    return sorted({*poll("ROBOT-01", jobs), *poll("ROBOT-02", [])})

one, blocking = (SimpleNamespace(is_blocking=each) for each in (False, True))
answer = [started(), started(one), started(blocking)]
"""


@pytest.mark.django_db(transaction=True)
def test_late_are_the_triggers_that_schedulers_would_start(orchestrator: Orchestrator) -> None:
    """Compare with two machines; the first runs nothing, a trigger, or a blocking one."""
    for machine in ("ROBOT-01", "ROBOT-02", "ROBOT-03"):
        for is_blocking in (True, False):
            due(
                trigger_name=f"{machine} {is_blocking}",
                scheduler_whitelist=f'["{machine}"]',
                is_blocking=is_blocking,
            )
    due(trigger_name="Any")
    due(trigger_name="Future", minutes=-1)
    due(trigger_name="Failed", process_status=Status.FAILED)
    waiting(2, trigger_name="Batch", scheduler_whitelist='["ROBOT-01"]')
    queue(trigger_name="Large batch", min_batch_size=3)
    late = [names()]
    running = single(process_status=Status.RUNNING, scheduler_whitelist='["ROBOT-01"]')
    late.append(names())
    Trigger.objects.filter(pk=running.pk).update(is_blocking=True)
    late.append(names())
    assert late == orchestrator(POLL)
    assert [len(each) for each in late] == [6, 5, 3]
