"""Writes that the database gives up: which are repeated, and how often."""

from contextlib import contextmanager
from typing import Any

import pytest
from django.db import (
    Error,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.utils import timezone

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from triggers.models import SingleTrigger, Trigger

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = f"INSERT INTO {connection.ops.quote_name('Queues')}"
UPDATE = f"UPDATE {connection.ops.quote_name('Triggers')}"

VICTIM = "Transaction (Process ID 57) was deadlocked on lock resources"
# As the drivers' errors arrive.
DEADLOCKS = [
    pytest.param(
        Error(
            "40001",
            f"[40001] [Microsoft][ODBC Driver 18 for SQL Server]{VICTIM} (1205) (SQLExecDirectW)",
        ),
        id="pyodbc",
    ),
    pytest.param(
        OperationalError(f"Driver Error: Serialization failure; DDBC Error: [Microsoft]{VICTIM}"),
        id="mssql-python",
    ),
    pytest.param(
        ProgrammingError("42000", f"[42000] [FreeTDS][SQL Server]{VICTIM} (1205) (SQLExecDirectW)"),
        id="FreeTDS",
    ),
]
DEADLOCK = DEADLOCKS[0].values[0]
LOST = OperationalError("08S01", "[08S01] Communication link failure (0) (SQLExecDirectW)")


@contextmanager
def failing(statement, *errors, done=False, lost=False):
    """The database fails with each of these errors, one a time; gives how often it was asked.

    `done`: after it did what it was told. `lost`: and closes the connection.
    """
    asked = []
    left = list(errors)

    def fail(execute, sql, params, many, context):
        # After a SET NOCOUNT, on SQL Server.
        if statement not in sql:
            return execute(sql, params, many, context)
        asked.append(sql)
        if not left:
            return execute(sql, params, many, context)
        if done:
            execute(sql, params, many, context)
        if lost:
            connection.close()
        connection.errors_occurred = True  # as Django notes of a driver's error
        raise left.pop(0)

    with connection.execute_wrapper(fail):
        yield asked


def push(api: Api):
    return api.post("/api/queue", {"queue_name": "q"})


@pytest.fixture
def trigger() -> Trigger:
    return SingleTrigger.objects.create(
        trigger_name="Report",
        process_name="Report",
        process_path="report.py",
        process_status="DONE",
        next_run=timezone.now(),
    )


@pytest.mark.parametrize("error", DEADLOCKS)
def test_a_push_outlasts_two_deadlocks(api: Api, error: Any) -> None:
    with failing(INSERT, error, error) as asked:
        response = push(api)
    assert response.status_code == 201
    assert len(asked) == 3
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_a_push_does_not_outlast_three(api: Api) -> None:
    with failing(INSERT, DEADLOCK, DEADLOCK, DEADLOCK) as asked:
        assert push(api).status_code == 500
    assert len(asked) == 3
    assert not QueueItem.objects.exists()


@pytest.mark.parametrize("error", DEADLOCKS)
def test_a_re_arm_outlasts_two_deadlocks(api: Api, trigger: Trigger, error: Any) -> None:
    with failing(UPDATE, error, error) as asked:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 200
    assert len(asked) == 3
    assert Trigger.objects.get().process_status == "IDLE"


def test_a_re_arm_does_not_outlast_three(api: Api, trigger: Trigger) -> None:
    with failing(UPDATE, DEADLOCK, DEADLOCK, DEADLOCK) as asked:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 500
    assert len(asked) == 3
    assert Trigger.objects.get().process_status == "DONE"


def test_a_push_is_repeated_when_the_connection_broke_before_it(api: Api) -> None:
    with failing(INSERT, LOST, lost=True):
        response = push(api)
    assert response.status_code == 201
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_a_push_is_stored_once_when_the_connection_broke_after_it(api: Api) -> None:
    with failing(INSERT, LOST, done=True, lost=True) as asked:
        response = push(api)
    assert response.status_code == 201
    assert len(asked) == 2
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_an_item_that_was_stored_the_first_time_can_be_saved_again() -> None:
    with failing(INSERT, LOST, done=True, lost=True):
        item = QueueItem.objects.push(queue_name="q")
    item.message = "changed"
    item.save()
    assert QueueItem.objects.get().message == "changed"


def test_a_push_is_repeated_when_the_connection_is_there_and_of_no_use(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    with failing(INSERT, Error("HY000", "[HY000] Unknown error (0) (SQLExecDirectW)")) as asked:
        assert push(api).status_code == 201
    assert len(asked) == 2


def test_a_push_is_not_repeated_when_the_connection_breaks_again(api: Api) -> None:
    with failing(INSERT, LOST, LOST, lost=True) as asked:
        assert push(api).status_code == 500
    assert len(asked) == 2


def test_a_key_that_is_there_already_says_nothing_of_an_item_that_is_not(api: Api) -> None:
    with failing(INSERT, LOST, IntegrityError(), lost=True) as asked:
        assert push(api).status_code == 500
    assert len(asked) == 2


@pytest.mark.parametrize("done", [False, True])
def test_a_re_arm_is_not_repeated_when_the_connection_broke(
    api: Api, trigger: Trigger, done: bool
) -> None:
    with failing(UPDATE, LOST, done=done, lost=True) as asked:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 500
    assert len(asked) == 1


def test_the_next_request_after_a_broken_connection_succeeds(api: Api, trigger: Trigger) -> None:
    with failing(UPDATE, LOST, lost=True):
        api.post("/api/trigger", {"trigger_name": "Report"})
    assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 200


def test_other_failures_are_not_repeated(api: Api) -> None:
    with failing(INSERT, OperationalError("HYT00", "[HYT00] Query timeout expired")) as asked:
        assert push(api).status_code == 500
    assert len(asked) == 1


def test_nothing_is_repeated_inside_of_a_transaction(db: None) -> None:
    # A deadlock undoes all of a transaction, so a repeated last statement would be half of it.
    with failing(INSERT, DEADLOCK) as asked, pytest.raises(Error), transaction.atomic():
        QueueItem.objects.push(queue_name="q")
    assert len(asked) == 1
