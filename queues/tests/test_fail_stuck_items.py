"""fail_stuck_items."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError
from django.db import Error, connection, connections
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import database_url, failing, manage
from queues import queue_statistics
from queues.management.commands import fail_stuck_items
from queues.models import QueueItem
from queues.tests.helpers import Status, item
from security.tests.helpers import run

ARGUMENTS = ("fail_stuck_items", "--older-than", "2h", "--by", "anna")
MESSAGE = "No robot ended this item within 2 hours; fail_stuck_items set it to FAILED."
DEADLOCK = Error("40001", "[40001] Transaction was deadlocked (1205) (SQLExecDirectW)")


@pytest.fixture(autouse=True)
def anna(db: None) -> User:
    return User.objects.create_superuser("anna")


def started(hours: float, queue_name: str = "Invoices", **fields: Any) -> QueueItem:
    start = timezone.now() - timedelta(hours=hours)
    times = {"created_date": start, "start_date": start}
    return item(queue_name, **{"status": Status.IN_PROGRESS, **times, **fields})


def test_it_works() -> None:
    stuck = started(2.1, message="step 1", reference="42")
    assert run(*ARGUMENTS) == ("Invoices: 1 set to FAILED.\n", "")
    start = stuck.start_date
    stuck.refresh_from_db()
    assert (stuck.status, stuck.message, stuck.start_date) == (Status.FAILED, MESSAGE, start)
    assert stuck.end_date is not None
    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id) == ("anna", str(stuck.pk))
    assert entry.object_repr == "Invoices 42"
    assert entry.get_change_message() == (
        f"status: IN_PROGRESS → FAILED; ended: (empty) → {str(stuck.end_date)[:19]}; "
        f'message: "step 1" → "{MESSAGE}"'
    )


def test_requeue_sets_to_new() -> None:
    stuck = started(3, message="step 1")
    assert run(*ARGUMENTS, "--requeue")[0] == "Invoices: 1 set to NEW.\n"
    stuck.refresh_from_db()
    assert (stuck.status, stuck.start_date, stuck.end_date) == (Status.NEW, None, None)
    assert stuck.message == "step 1"
    assert "status: IN_PROGRESS → NEW; started: " in LogEntry.objects.get().get_change_message()


def test_other_items_stay_as_they_are() -> None:
    started(1.9)
    started(1.9, created_date=timezone.now() - timedelta(days=9))
    for status in set(Status) - {Status.IN_PROGRESS}:
        started(3, status=status)
    before = list(QueueItem.objects.order_by("pk").values())
    assert run(*ARGUMENTS) == ("No item is in progress for more than 2 hours.\n", "")
    assert list(QueueItem.objects.order_by("pk").values()) == before
    assert not LogEntry.objects.exists()


def test_item_without_a_start_counts_from_its_creation() -> None:
    started(3, start_date=None)
    started(1, start_date=None)
    assert run(*ARGUMENTS)[0] == "Invoices: 1 set to FAILED.\n"


def test_queues_are_counted_by_name() -> None:
    for name in ("b", "a", "b"):
        started(3, name)
    assert run(*ARGUMENTS)[0] == "a: 1 set to FAILED.\nb: 2 set to FAILED.\n"


def test_only_named_queues_are_changed() -> None:
    for name in ("a", "A", "b b", "c"):
        started(3, name)
    out = run(*ARGUMENTS, "--queue", "a", "b b", "--queue", "nothing")[0]
    assert out == "a: 1 set to FAILED.\nb b: 1 set to FAILED.\n"


def test_dry_run_changes_nothing() -> None:
    started(3)
    assert run(*ARGUMENTS, "--dry-run")[0] == "Invoices: 1 would be set to FAILED.\n"
    assert QueueItem.objects.get().status == Status.IN_PROGRESS
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", ["nobody", "ben", "vera", ""])
def test_user_has_to_be_active_and_may_change_items(name: str) -> None:
    User.objects.create_superuser("ben", is_active=False)
    User.objects.create_user("vera", is_staff=True)  # may not change items
    started(3)
    with pytest.raises(CommandError, match=rf"^No active user '{name}' may change queue items\.$"):
        run("fail_stuck_items", "--older-than", "2h", "--by", name)
    assert QueueItem.objects.get().status == Status.IN_PROGRESS


@pytest.mark.parametrize(
    "arguments",
    [
        ["--by", "anna"],
        ["--older-than", "2h"],
        ["--older-than", "2", "--by", "anna"],
        ["--older-than", "101w1000000d", "--by", "anna"],
        ["--older-than", "2h", "--by", "anna", "--queue"],
    ],
)
def test_missing_or_invalid_options_are_errors(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("fail_stuck_items", *arguments)


def test_dashboard_shows_the_result_at_once() -> None:
    started(3)
    assert queue_statistics.statistics().queues[0].counts == {"IN_PROGRESS": 1}
    run(*ARGUMENTS)
    assert queue_statistics.statistics().queues[0].counts == {"FAILED": 1}


def test_queries_of_two_batches(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ContentType.objects.clear_cache()
    for _ in range(150):
        started(3)
    # The user, the ids; for each of two batches: savepoint, its rows, the update, the new values,
    # the log entries, release. For the first: the content type.
    with django_assert_num_queries(2 + 2 * 6 + 1):
        assert run(*ARGUMENTS)[0] == "Invoices: 150 set to FAILED.\n"
    assert LogEntry.objects.count() == 150


def after_first_select(do: Callable[[], object]) -> Any:
    """Do something in another connection after the ids were read."""
    left = [do]

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith("SELECT") and '"Queues"' in sql.replace("[", '"') and left:
            with ThreadPoolExecutor(1) as other:
                other.submit(left.pop()).result()
                other.submit(connections.close_all).result()
        return result

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)
def test_item_that_a_robot_finishes_meanwhile_stays_done() -> None:
    finished, restarted, stuck = started(3), started(3), started(3)

    def robot() -> None:
        rows = QueueItem.objects
        rows.filter(pk=finished.pk).update(status=Status.DONE, message="ok")
        rows.filter(pk=restarted.pk).update(start_date=timezone.now())

    with after_first_select(robot):
        assert run(*ARGUMENTS)[0] == "Invoices: 1 set to FAILED.\n"
    finished.refresh_from_db()
    assert (finished.status, finished.message) == (Status.DONE, "ok")
    restarted.refresh_from_db()
    assert restarted.status == Status.IN_PROGRESS
    assert LogEntry.objects.get().object_id == str(stuck.pk)


@pytest.mark.django_db(transaction=True)
def test_deadlock_is_retried() -> None:
    started(3)
    with failing("UPDATE", DEADLOCK) as executions:
        assert run(*ARGUMENTS)[0] == "Invoices: 1 set to FAILED.\n"
    assert len(executions) == 2
    assert LogEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_interruption_leaves_whole_batches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fail_stuck_items, "BATCH", 2)
    for _ in range(6):
        started(3)
    inserts: list[str] = []

    def interrupt(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if "INSERT" in sql:
            inserts.append(sql)
            if len(inserts) == 2:
                raise KeyboardInterrupt
        return execute(sql, *args)

    with connection.execute_wrapper(interrupt), pytest.raises(KeyboardInterrupt):
        fail_stuck_items.Command().run_from_argv(["manage.py", *ARGUMENTS])
    failed = QueueItem.objects.filter(status=Status.FAILED)
    assert {str(pk) for pk in failed.values_list("pk", flat=True)} == set(
        LogEntry.objects.values_list("object_id", flat=True)
    )
    assert failed.count() == 2
    assert capsys.readouterr().out == "Invoices: 2 set to FAILED.\n"
    assert run(*ARGUMENTS)[0] == "Invoices: 4 set to FAILED.\n"


@pytest.mark.django_db(transaction=True)
def test_as_a_process() -> None:
    started(3, "Fakturaer på dansk")
    environment = {"DATABASE_URL": database_url(), "PYTHONUTF8": "1"}
    result = manage(*ARGUMENTS, **environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "Fakturaer på dansk: 1 set to FAILED.\n"
