"""Problems that are found, and the alerts that record their beginning and end."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.alerts import problems
from queueapi.models import Alert, Problem
from queueapi.tests.helpers import failing
from queues.models import QueueItem
from queues.tests.helpers import failed, item
from security.models import ApiKey, BannedIP
from triggers.models import SingleTrigger
from triggers.models.schedulers import Scheduler
from triggers.tests.helpers import queue, scheduled, scheduler_sets, single

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scheduler_tables")]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def scheduler(name: str = "RPA-01", silent_for: timedelta = 2 * MINUTE) -> Scheduler:
    return Scheduler.objects.create(machine_name=name, last_update=timezone.now() - silent_for)


def found() -> list[tuple[str, str, bool]]:
    """Return kind, subject and `begins` of each problem."""
    return [(problem.kind, problem.subject, problem.begins) for problem in problems()]


def record() -> list[str]:
    """Record the problems, and return the texts of alerts that last."""
    Alert.objects.record(problems())
    alerts = Alert.objects.filter(ended=None, is_certain=True).order_by("pk")
    return list(alerts.values_list("text", flat=True))


def age_alerts(age: timedelta = 5 * MINUTE) -> None:
    Alert.objects.update(began=F("began") - age)


# Each problem begins, lasts and ends.


def begins_and_ends(kind: str, subject: object, row: Any, **end: Any) -> None:
    """Check that a problem begins, that it is one alert, and that it ends when the row changes."""
    assert found() == [(kind, str(subject), True)]
    record()
    began = Alert.objects.get(kind=kind, ended=None).began
    record()
    assert Alert.objects.get().began == began
    type(row).objects.filter(pk=row.pk).update(**end)
    assert found() == []
    record()
    assert Alert.objects.get().ended is not None


def test_nothing_is_wrong() -> None:
    scheduler(silent_for=MINUTE / 2)
    item()
    item(status="IN_PROGRESS", start_date=timezone.now())
    failed()
    scheduled()
    ApiKey.objects.issue("ERP", lifetime=31 * DAY)
    ApiKey.objects.issue("HR", lifetime=None)
    assert found() == []


def test_silent_scheduler() -> None:
    row = scheduler()
    begins_and_ends("silent scheduler", "RPA-01", row, last_update=timezone.now())


def test_scheduler_that_is_silent_for_a_week_does_not_begin_but_continues() -> None:
    row = scheduler(silent_for=8 * DAY)
    assert found() == [("silent scheduler", "RPA-01", False)]
    assert record() == []
    Scheduler.objects.update(last_update=timezone.now() - HOUR)
    assert len(record()) == 1
    Scheduler.objects.filter(pk=row.pk).update(last_update=timezone.now() - 8 * DAY)
    assert len(record()) == 1


def test_schedulers_that_cannot_be_read_are_not_over() -> None:
    scheduler(silent_for=HOUR)
    record()
    with failing("Schedulers", OperationalError("Query timeout expired")):
        assert len(record()) == 1


def test_failed_trigger() -> None:
    row = scheduled(process_status="FAILED")
    begins_and_ends("failed trigger", row.pk, row, process_status="IDLE")


def test_old_item() -> None:
    row = item(created_date=timezone.now() - 25 * HOUR)
    item(created_date=timezone.now() - 26 * HOUR, status="ABANDONED")
    begins_and_ends("old item", "Invoices", row, status="IN_PROGRESS", start_date=timezone.now())


def test_oldest_item_is_older_than_the_setting(settings: Settings) -> None:
    item(created_date=timezone.now() - 2 * HOUR)
    assert found() == []
    settings.OLDEST_NEW = HOUR
    assert found() == [("old item", "Invoices", True)]


def test_stuck_items() -> None:
    row = item(status="IN_PROGRESS", start_date=timezone.now() - 3 * HOUR)
    begins_and_ends("stuck items", "Invoices", row, status="DONE")


def ended(number: int, **fields: Any) -> list[QueueItem]:
    values = {"status": "DONE", "end_date": timezone.now() - MINUTE, **fields}
    return [item(**values) for _ in range(number)]


def test_failed_items() -> None:
    ended(5)
    row, *_ = ended(6, status="FAILED")
    ended(9, status="FAILED", queue_name="Too few")
    ended(9, status="ABANDONED")
    begins_and_ends("failed items", "Invoices", row, status="DONE")


@pytest.mark.parametrize(
    ("done", "failures", "share", "is_found"),
    [
        (5, 5, 50, False),
        (4, 5, 50, False),  # nine items
        (4, 6, 50, True),
        (9, 1, 10, False),
        (9, 2, 10, True),
        (0, 10, 99, True),
        (0, 10, 100, False),
    ],
)
def test_share_of_failures_is_above_the_setting(
    settings: Settings, done: int, failures: int, share: int, is_found: bool
) -> None:
    settings.ALERT_FAILED_SHARE = share
    ended(done)
    ended(failures, status="FAILED")
    assert bool(found()) is is_found


def test_share_of_failures_is_of_the_last_hour() -> None:
    ended(20, status="FAILED", end_date=timezone.now() - 61 * MINUTE)
    # Pushed with a final status.
    ended(10, status="FAILED", end_date=None, created_date=timezone.now() - 59 * MINUTE)
    ended(9)
    assert found() == [("failed items", "Invoices", True)]
    ended(1)
    assert found() == []


def test_active_ban() -> None:
    row = BannedIP.objects.ban("10.1.2.3", HOUR, "5 failed attempts")
    begins_and_ends("ban", row.pk, row, lifted=timezone.now())


def test_second_ban_of_a_client_ip_is_another_problem() -> None:
    BannedIP.objects.ban("10.1.2.3", HOUR, "typed", by="anna")
    record()
    BannedIP.objects.ban("10.1.2.3", HOUR, "typed again", by="anna")
    assert len(record()) == 1
    assert Alert.objects.count() == 2


def test_key_that_expires_within_30_days() -> None:
    row, _ = ApiKey.objects.issue("ERP", lifetime=29 * DAY)
    begins_and_ends("key in 30 days", row.pk, row, revoked=timezone.now())


def test_key_that_expires_within_7_days_begins_another_alert() -> None:
    row, _ = ApiKey.objects.issue("ERP", lifetime=29 * DAY)
    assert len(record()) == 1
    ApiKey.objects.filter(pk=row.pk).update(expires=timezone.now() + 6 * DAY)
    assert len(record()) == 2
    ApiKey.objects.filter(pk=row.pk).update(expires=timezone.now())
    assert record() == []


def test_key_first_seen_within_7_days_has_one_alert() -> None:
    ApiKey.objects.issue("ERP", lifetime=6 * DAY)
    record()
    record()
    assert Alert.objects.get().kind == "key in 7 days"


# Late triggers


@pytest.fixture
def late() -> SingleTrigger:
    """Return a trigger that is late, beside a scheduler that runs."""
    scheduler(silent_for=MINUTE / 10)
    trigger = single()
    SingleTrigger.objects.update(next_run=timezone.now() - 6 * MINUTE)
    return trigger


def test_late_trigger_that_has_not_run_since_it_is_due_is_certain(late: SingleTrigger) -> None:
    [text] = record()
    assert text.startswith("The trigger Report has been due since ")


@pytest.fixture
def rearmed(late: SingleTrigger) -> SingleTrigger:
    """Return a late trigger that has run since it was due, so that it became IDLE at any time."""
    scheduler_sets(late, last_run=timezone.now() - 5.5 * MINUTE)
    return late


def test_rearmed_trigger_is_late_when_it_is_seen_again(rearmed: SingleTrigger) -> None:
    assert found() == [("late trigger", str(rearmed.pk), True)]
    assert record() == []
    age_alerts()
    [text] = record()
    assert text.startswith("The trigger Report has been due since ")
    assert len(record()) == 1
    scheduler_sets(rearmed, process_status="RUNNING")
    assert record() == []


def test_rearmed_trigger_that_a_scheduler_starts_before_the_next_run_is_no_alert(
    rearmed: SingleTrigger,
) -> None:
    record()
    scheduler_sets(rearmed, process_status="RUNNING")
    age_alerts()
    assert record() == []
    assert not Alert.objects.filter(is_certain=True).exists()


def test_run_of_another_machine_seconds_later_does_not_confirm(rearmed: SingleTrigger) -> None:
    record()
    assert record() == []


def test_late_trigger_continues_after_the_schedulers_stopped(late: SingleTrigger) -> None:
    record()
    age_alerts()
    record()
    Scheduler.objects.update(last_update=timezone.now() - HOUR)
    assert {kind for kind, _, _ in found()} == {"silent scheduler", "late trigger"}
    assert len(record()) == 2


def test_late_trigger_continues_while_a_blocking_one_runs(late: SingleTrigger) -> None:
    record()
    age_alerts()
    record()
    scheduled(process_status="RUNNING", is_blocking=True)
    assert len(record()) == 1


def test_trigger_that_waits_for_a_blocking_one_does_not_begin(late: SingleTrigger) -> None:
    scheduled(process_status="RUNNING", is_blocking=True)
    assert found() == [("late trigger", str(late.pk), False)]
    assert record() == []
    assert not Alert.objects.exists()


def test_queue_trigger_is_late_until_its_items_are_taken() -> None:
    scheduler(silent_for=MINUTE / 10)
    trigger = queue(min_batch_size=2)
    items = [item(created_date=timezone.now() - 6 * MINUTE) for _ in range(2)]
    begins_and_ends("late trigger", trigger.pk, items[0], status="IN_PROGRESS")


def test_trigger_is_not_late_without_a_scheduler(late: SingleTrigger) -> None:
    Scheduler.objects.all().delete()
    assert record() == []
    assert not Alert.objects.exists()


# The record


def test_problem_that_begins_again_is_a_new_alert() -> None:
    row = scheduled(process_status="FAILED")
    record()
    scheduler_sets(row, process_status="IDLE")
    record()
    scheduler_sets(row, process_status="FAILED")
    record()
    ends = list(Alert.objects.order_by("pk").values_list("ended", flat=True))
    assert [end is None for end in ends] == [False, True]


def test_names_that_differ_in_case_are_two_subjects() -> None:
    Alert.objects.record([Problem("ban", name, None) for name in ("a", "A")])
    Alert.objects.record([Problem("ban", "A", None)])
    assert Alert.objects.get(ended=None).subject == "A"


def test_line_breaks_of_names_are_escaped() -> None:
    scheduled(process_status="FAILED", trigger_name="x\r\nBcc: a@example.org\u2028\0")
    assert record() == ["The trigger x\\r\\nBcc: a@example.org\\u2028\\x00 failed."]


def test_names_are_not_html() -> None:
    scheduled(process_status="FAILED", trigger_name="<R&D> {{ settings.SECRET_KEY }} {0} %s")
    assert record() == ["The trigger <R&D> {{ settings.SECRET_KEY }} {0} %s failed."]


def test_longest_name_fits() -> None:
    scheduler("🤖" * 100)
    item("🤖" * 100, status="IN_PROGRESS", start_date=timezone.now() - 3 * HOUR)
    assert len(record()) == 2


def test_each_kind_has_a_text_with_its_name(late: SingleTrigger) -> None:
    scheduler("RPA-02")
    scheduled(process_status="FAILED")
    item(created_date=timezone.now() - 25 * HOUR)
    item(status="IN_PROGRESS", start_date=timezone.now() - 3 * HOUR)
    ended(10, status="FAILED")
    ApiKey.objects.issue("ERP", lifetime=29 * DAY)
    ApiKey.objects.issue("HR", lifetime=6 * DAY)
    BannedIP.objects.ban("10.1.2.3", HOUR, "5 failed attempts")
    with override("en"):
        record()
    texts = dict(Alert.objects.values_list("kind", "text"))
    names = {
        "silent scheduler": "RPA-02",
        "late trigger": "Report",
        "failed trigger": "Nightly",
        "old item": "Queue Invoices: no robot has taken an item for 1",
        "stuck items": "Queue Invoices: 1 item is",
        "failed items": "Queue Invoices: 10 of the 10 items",
        "key in 30 days": "of ERP",
        "key in 7 days": "of HR",
        "ban": "10.1.2.3",
    }
    assert texts.keys() == names.keys()
    assert {kind for kind, name in names.items() if name not in texts[kind]} == set()


def test_number_of_queries_is_the_same_for_many_rows(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    scheduler("RPA-01")
    scheduler("RPA-02", silent_for=MINUTE / 10)
    for name in ("A", "B", "C"):
        scheduled(process_status="FAILED", trigger_name=name)
        ApiKey.objects.issue(name, lifetime=6 * DAY)
        item(name, created_date=timezone.now() - 25 * HOUR)
    # Schedulers; triggers that run; due triggers, twice; failed triggers; old, stuck and ended
    # items; keys, twice; bans.
    with django_assert_num_queries(11):
        assert len(problems()) == 13
