"""Retries of writes after a deadlock or a lost connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

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

from queueapi.tests.helpers import LOST, Api, ClientResponse, failing
from queues.models import QueueItem
from triggers.models import SingleTrigger, Trigger

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = f"INSERT INTO {connection.ops.quote_name('Queues')}"
UPDATE = f"UPDATE {connection.ops.quote_name('Triggers')}"

VICTIM = "Transaction (Process ID 57) was deadlocked on lock resources"
# The error 1205 as Django passes it on from each driver.
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
DEADLOCK = Error("40001", f"[40001] {VICTIM} (1205) (SQLExecDirectW)")


def push(api: Api) -> ClientResponse:
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
def test_push_is_stored_after_two_deadlocks(api: Api, error: Error) -> None:
    with failing(INSERT, error, error) as executions:
        response = push(api)
    assert response.status_code == 201
    assert len(executions) == 3
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_push_fails_after_three_deadlocks(api: Api) -> None:
    with failing(INSERT, DEADLOCK, DEADLOCK, DEADLOCK) as executions:
        assert push(api).status_code == 500
    assert len(executions) == 3
    assert not QueueItem.objects.exists()


@pytest.mark.parametrize("error", DEADLOCKS)
def test_trigger_is_set_after_two_deadlocks(api: Api, trigger: Trigger, error: Error) -> None:
    with failing(UPDATE, error, error) as executions:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 200
    assert len(executions) == 3
    assert Trigger.objects.get().process_status == "IDLE"


def test_trigger_fails_after_three_deadlocks(api: Api, trigger: Trigger) -> None:
    with failing(UPDATE, DEADLOCK, DEADLOCK, DEADLOCK) as executions:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 500
    assert len(executions) == 3
    assert Trigger.objects.get().process_status == "DONE"


def test_push_is_retried_if_the_connection_was_lost_before_the_insert(api: Api) -> None:
    with failing(INSERT, LOST, lost=True):
        response = push(api)
    assert response.status_code == 201
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_push_is_stored_once_if_the_connection_was_lost_after_the_insert(api: Api) -> None:
    with failing(INSERT, LOST, done=True, lost=True) as executions:
        response = push(api)
    assert response.status_code == 201
    assert len(executions) == 2
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


def test_item_stored_before_the_connection_was_lost_can_be_saved() -> None:
    with failing(INSERT, LOST, done=True, lost=True):
        item = QueueItem.objects.push(queue_name="q")
    item.message = "changed"
    item.save()
    assert QueueItem.objects.get().message == "changed"


def test_push_is_retried_if_the_connection_is_unusable(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    with failing(
        INSERT, Error("HY000", "[HY000] Unknown error (0) (SQLExecDirectW)")
    ) as executions:
        assert push(api).status_code == 201
    assert len(executions) == 2


def test_push_fails_if_the_connection_is_lost_twice(api: Api) -> None:
    with failing(INSERT, LOST, LOST, lost=True) as executions:
        assert push(api).status_code == 500
    assert len(executions) == 2


def test_integrity_error_of_a_retry_fails_if_the_item_is_not_stored(api: Api) -> None:
    with failing(INSERT, LOST, IntegrityError(), lost=True) as executions:
        assert push(api).status_code == 500
    assert len(executions) == 2


@pytest.mark.parametrize("done", [False, True])
def test_trigger_is_not_retried_if_the_connection_was_lost(
    api: Api, trigger: Trigger, done: bool
) -> None:
    with failing(UPDATE, LOST, done=done, lost=True) as executions:
        assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 500
    assert len(executions) == 1


def test_next_request_after_a_lost_connection_succeeds(api: Api, trigger: Trigger) -> None:
    with failing(UPDATE, LOST, lost=True):
        api.post("/api/trigger", {"trigger_name": "Report"})
    assert api.post("/api/trigger", {"trigger_name": "Report"}).status_code == 200


def test_other_errors_are_not_retried(api: Api) -> None:
    with failing(INSERT, OperationalError("HYT00", "[HYT00] Query timeout expired")) as executions:
        assert push(api).status_code == 500
    assert len(executions) == 1


def test_nothing_is_retried_inside_a_transaction(db: None) -> None:
    # A deadlock rolls back the statements before, which a retry would not repeat.
    with failing(INSERT, DEADLOCK) as executions, pytest.raises(Error), transaction.atomic():
        QueueItem.objects.push(queue_name="q")
    assert len(executions) == 1


# Many items


def two_items() -> list[QueueItem]:
    """Return items that two statements insert."""
    return [QueueItem(queue_name="q"), QueueItem(queue_name="q", reference="r")]


SECOND_INSERT = f"{connection.ops.quote_name('reference')}, "


def stored_ids() -> set[UUID]:
    return set(QueueItem.objects.values_list("pk", flat=True))


@contextmanager
def failing_commit(error: Error, *, done: bool) -> Iterator[None]:
    """Break the connection at the next COMMIT, or after it (`done`), and raise the error."""
    commit = connection._commit  # type: ignore[attr-defined]

    def fail() -> None:
        patch.undo()
        if done:
            commit()
        connection.connection.close()
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_commit", fail)
        yield


@pytest.mark.parametrize("error", DEADLOCKS)
def test_many_items_are_stored_after_two_deadlocks(error: Error) -> None:
    items = two_items()
    with failing(SECOND_INSERT, error, error) as executions:
        QueueItem.objects.push_all(items)
    assert len(executions) == 3
    assert stored_ids() == {item.pk for item in items}


def test_many_items_are_all_retried_if_the_connection_was_lost_between_them() -> None:
    items = two_items()
    with failing(INSERT) as inserts, failing(SECOND_INSERT, LOST, lost=True):
        QueueItem.objects.push_all(items)
    assert len(inserts) == 4
    assert stored_ids() == {item.pk for item in items}


def test_no_item_is_stored_if_the_connection_is_lost_twice() -> None:
    with (
        failing(SECOND_INSERT, LOST, LOST, lost=True),
        pytest.raises(OperationalError),
    ):
        QueueItem.objects.push_all(two_items())
    assert not stored_ids()


@pytest.mark.parametrize("done", [False, True])
def test_many_items_are_stored_once_if_the_connection_was_lost_at_the_commit(done: bool) -> None:
    items = two_items()
    with failing(INSERT) as inserts, failing_commit(LOST, done=done):
        QueueItem.objects.push_all(items)
    assert len(inserts) == (3 if done else 4)  # the retry ends at the first id that exists
    assert stored_ids() == {item.pk for item in items}


def test_many_items_stored_before_the_connection_was_lost_can_be_saved() -> None:
    items = two_items()
    with failing_commit(LOST, done=True):
        QueueItem.objects.push_all(items)
    items[1].message = "changed"
    items[1].save()
    assert QueueItem.objects.get(reference="r").message == "changed"


def test_integrity_error_of_a_retry_of_many_fails_if_they_are_not_stored() -> None:
    with (
        failing(SECOND_INSERT, LOST, IntegrityError(), lost=True),
        pytest.raises(IntegrityError),
    ):
        QueueItem.objects.push_all(two_items())
    assert not stored_ids()


def test_many_items_are_not_retried_inside_a_transaction() -> None:
    with (
        failing(SECOND_INSERT, DEADLOCK) as executions,
        pytest.raises(Error),
        transaction.atomic(),
    ):
        QueueItem.objects.push_all(two_items())
    assert len(executions) == 1
    assert not stored_ids()


def test_connection_lost_inside_a_transaction_is_not_retried() -> None:
    with (
        failing(SECOND_INSERT, LOST, lost=True) as executions,
        pytest.raises(Error),
        transaction.atomic(),
    ):
        QueueItem.objects.push_all(two_items())
    assert len(executions) == 1
    assert not stored_ids()
