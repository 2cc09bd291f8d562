"""Requests with an `Idempotency-Key`: done once, replayed after that."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import LOST, Api, ClientResponse, failing
from queues.models import QueueItem
from security.models import ApiKey, IdempotencyKey
from security.tests.helpers import ITEM
from triggers.models import SingleTrigger, Trigger

pytestmark = pytest.mark.django_db
transactional = pytest.mark.django_db(transaction=True)

INSERT_KEY = f"INSERT INTO {connection.ops.quote_name('security_idempotencykey')}"
INSERT_ITEM = f"INSERT INTO {connection.ops.quote_name('Queues')}"
UPDATE_TRIGGER = f"UPDATE {connection.ops.quote_name('Triggers')}"
DEADLOCK = Error("40001", "[40001] Transaction was deadlocked (1205) (SQLExecDirectW)")


def push(api: Api, body: Any = ITEM, key: str = "k") -> ClientResponse:
    return api.post("/api/queue", body, Idempotency_Key=key)


def arm(api: Api, key: str = "k", **body: str) -> ClientResponse:
    return api.post("/api/trigger", {"trigger_name": "T", **body}, Idempotency_Key=key)


def is_replayed(response: ClientResponse) -> bool:
    return response.headers.get("Idempotency-Replayed") == "true"


def create_trigger(status: str = "DONE") -> None:
    SingleTrigger.objects.create(
        trigger_name="T",
        process_name="P",
        process_path="p.py",
        process_status=status,
        next_run=timezone.now(),
    )


# Replays


def test_it_works(api: Api) -> None:
    first, second = push(api), push(api)
    assert (first.status_code, second.status_code) == (201, 201)
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert second.content == first.content
    assert str(QueueItem.objects.get().pk) == first.json()["id"]


def test_pushes_without_a_key_are_all_done(api: Api) -> None:
    responses = [api.post("/api/queue", ITEM) for _ in range(2)]
    assert not any(is_replayed(response) for response in responses)
    assert QueueItem.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_a_push_is_replayed_after_its_item_changed(api: Api) -> None:
    first = push(api)
    QueueItem.objects.update(queue_name="other", status="DONE")
    assert push(api).content == first.content
    assert QueueItem.objects.get().status == "DONE"


def test_a_push_is_replayed_after_its_item_was_deleted(api: Api) -> None:
    first = push(api)
    QueueItem.objects.all().delete()
    assert push(api).content == first.content
    assert not QueueItem.objects.exists()


def test_a_trigger_is_not_set_again(api: Api) -> None:
    create_trigger()
    first = arm(api)
    Trigger.objects.update(process_status="RUNNING")
    second = arm(api)
    assert (second.status_code, second.content) == (200, first.content)
    assert is_replayed(second)
    assert Trigger.objects.get().process_status == "RUNNING"


def test_a_trigger_is_replayed_after_it_was_deleted(api: Api) -> None:
    create_trigger()
    arm(api)
    SingleTrigger.objects.all().delete()
    assert is_replayed(arm(api))


def test_a_replay_with_a_quoted_string_equals_one_without(api: Api) -> None:
    push(api, key="a\\b")
    assert is_replayed(push(api, key='"a\\\\b"'))


def test_a_replay_counts_against_the_rate(api: Api) -> None:
    remaining = [int(push(api).headers["RateLimit-Remaining"]) for _ in range(2)]
    assert remaining[1] == remaining[0] - 1


def test_a_replay_works_with_another_key_of_the_client(api: Api) -> None:
    push(api)
    _, api.key = ApiKey.objects.rotate("ERP", overlap=timedelta(0))
    assert is_replayed(push(api))


# The same input, and other input


@pytest.mark.parametrize(
    "body",
    [
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T12:00:00"}',
        b'\xef\xbb\xbf {\n"data" : "{}", "created_date": "2025-07-15T12:00:00", "queue_name": "q"}',
        b'{"queue_name":" q ","data":{},"created_date":"2025-07-15T12:00:00"}',
        b'{"queue_name":"\\u0071","data":"{}","created_date":"2025-07-15 12:00"}',
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T10:00:00Z"}',
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T12:00","status":"new"}',
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T12:00","status":null}',
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T12:00","reference":null}',
        b'{"queue_name":"q","data":"{}","created_date":"2025-07-15T12:00","unknown":1}',
    ],
)
def test_the_same_input_in_another_notation_is_replayed(
    api: Api, settings: Settings, body: bytes
) -> None:
    settings.TIME_ZONE = "Europe/Copenhagen"
    push(api, {"queue_name": "q", "data": "{}", "created_date": "2025-07-15T12:00:00"})
    assert is_replayed(push(api, body))


@pytest.mark.parametrize("given", [{"process_status": "IDLE"}, {"process_status": "idle"}])
def test_the_default_of_a_trigger_equals_an_absent_status(api: Api, given: dict[str, str]) -> None:
    create_trigger()
    arm(api)
    assert is_replayed(arm(api, **given))


@pytest.mark.parametrize("created_date", [{}, {"created_date": ""}, {"created_date": None}])
def test_a_created_date_that_the_server_sets_is_no_input(
    api: Api, created_date: dict[str, str | None]
) -> None:
    push(api)
    assert is_replayed(push(api, {**ITEM, **created_date}))


@pytest.mark.parametrize(
    "other",
    [
        {"queue_name": "Q"},
        {"status": "DONE"},
        {"reference": ""},
        {"message": "x"},
        {"created_by": "x"},
        {"created_date": "2025-07-15T12:00:00.000001"},
        {"data": '{"a":1, "b":2}'},  # without a space
        {"data": {"b": 2, "a": 1}},
        {"data": None},
    ],
)
def test_other_input_is_a_422(api: Api, other: dict[str, Any]) -> None:
    body = {**ITEM, "data": {"a": 1, "b": 2}, "created_date": "2025-07-15T12:00:00"}
    push(api, body)
    response = push(api, {**body, **other})
    assert response.status_code == 422
    assert response.json() == {
        "success": False,
        "error": "This Idempotency-Key was used with other input; use a new one.",
    }
    assert QueueItem.objects.count() == 1


def test_another_status_of_a_trigger_is_a_422(api: Api) -> None:
    create_trigger()
    arm(api)
    assert arm(api, process_status="PAUSED").status_code == 422
    assert Trigger.objects.get().process_status == "IDLE"


def test_a_changed_secret_key_is_a_422(api: Api, settings: Settings) -> None:
    push(api)
    settings.SECRET_KEY = "another"
    assert push(api).status_code == 422
    assert QueueItem.objects.count() == 1


def test_the_table_has_no_plain_hash_of_the_input(api: Api, settings: Settings) -> None:
    validated = {"queue_name": "q", "data": "010203-0405"}
    known = IdempotencyKey.objects.build("ERP", "queue", "k", validated)
    settings.SECRET_KEY = "another"
    guess = IdempotencyKey.objects.build("ERP", "queue", "k", validated)
    assert guess.digest == known.digest
    assert guess.fingerprint != known.fingerprint


# What a key is known by


def test_another_client_may_use_the_same_value(api: Api) -> None:
    push(api)
    _, api.key = ApiKey.objects.issue("CRM", lifetime=None)
    assert not is_replayed(push(api))
    assert QueueItem.objects.count() == 2


def test_another_endpoint_may_use_the_same_value(api: Api) -> None:
    create_trigger()
    assert [push(api).status_code, arm(api).status_code] == [201, 200]


def test_letter_case_counts(api: Api) -> None:
    push(api, key="Key-x")
    assert not is_replayed(push(api, key="KEY-x"))
    assert QueueItem.objects.count() == 2


# Errors are not remembered


def test_the_key_of_invalid_input_can_be_used_again(api: Api) -> None:
    assert push(api, {}).status_code == 400
    assert push(api).status_code == 201


def test_the_key_of_an_unknown_trigger_can_be_used_again(api: Api) -> None:
    assert arm(api).status_code == 404
    create_trigger()
    response = arm(api)
    assert response.status_code == 200
    assert not is_replayed(response)


def test_the_key_of_an_ambiguous_trigger_can_be_used_again(api: Api) -> None:
    create_trigger()
    create_trigger()
    assert arm(api).status_code == 400
    SingleTrigger.objects.latest("pk").delete()
    assert arm(api).status_code == 200


def test_the_key_of_a_rate_limited_request_can_be_used_again(api: Api) -> None:
    create_trigger()
    for number in range(10):
        arm(api, key=str(number))
    assert arm(api).status_code == 429
    assert IdempotencyKey.objects.count() == 10


@transactional
def test_the_key_of_a_failed_write_can_be_used_again(api: Api) -> None:
    with failing(INSERT_ITEM, OperationalError("full"), OperationalError("full")):
        assert push(api).status_code == 500
    assert not IdempotencyKey.objects.exists()
    assert push(api).status_code == 201


@transactional
def test_the_key_of_an_unexpected_error_can_be_used_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("security.idempotency.JSONRenderer", None)
        assert push(api).status_code == 500
    assert not QueueItem.objects.exists()
    assert push(api).status_code == 201


# Requests with one key at the same time


@transactional
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OperationalError("database is locked"), id="SQLite"),
        pytest.param(
            OperationalError("HYT00", "[HYT00] [Microsoft] Query timeout expired (0)"), id="pyodbc"
        ),
        pytest.param(
            OperationalError("Driver Error: Timeout expired; DDBC Error: Query timeout expired"),
            id="mssql-python",
        ),
    ],
)
def test_a_key_in_progress_is_a_409(api: Api, error: Error) -> None:
    with failing(INSERT_KEY, error) as executions:
        response = push(api)
    assert len(executions) == 1
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "1"
    assert response.json() == {
        "success": False,
        "error": "Another request with this Idempotency-Key is in progress, "
        "or the database is busy; try again.",
    }


@transactional
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's lock")
def test_a_locked_database_is_a_409(api: Api) -> None:
    api.post("/api/queue", ITEM)  # so that the key is not touched again
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert push(api).status_code == 409
    other.close()
    assert push(api).status_code == 201
    connection.close()


def in_thread(send: Callable[[Api], ClientResponse], key: str) -> ClientResponse:
    try:
        return send(Api(Client(), key))
    finally:
        connection.close()


def key_of_a_push(api: Api) -> IdempotencyKey:
    """Return the key of a push as if that was not committed yet."""
    push(api)
    key = IdempotencyKey.objects.get()
    for rows in (IdempotencyKey.objects.all(), QueueItem.objects.all()):
        rows.delete()
    return key


@transactional
def test_a_request_replays_the_one_that_it_waited_for(api: Api) -> None:
    key = key_of_a_push(api)
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            key.save(force_insert=True)
            waiting = threads.submit(in_thread, push, api.key)
        assert waiting.result().content.decode() == key.body
    assert not QueueItem.objects.exists()


@transactional
def test_a_request_is_the_first_if_the_one_before_was_rolled_back(api: Api) -> None:
    key = key_of_a_push(api)
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            key.save(force_insert=True)
            waiting = threads.submit(in_thread, push, api.key)
            transaction.set_rollback(True)
        assert waiting.result().status_code == 201
    assert not is_replayed(waiting.result())


@transactional
def test_a_key_that_was_deleted_meanwhile_is_tried_again(api: Api) -> None:
    with failing(INSERT_KEY, IntegrityError()) as executions:
        assert push(api).status_code == 201
    assert len(executions) == 2


@transactional
def test_a_key_that_was_deleted_twice_meanwhile_is_a_409(api: Api) -> None:
    with failing(INSERT_KEY, IntegrityError(), IntegrityError()):
        assert push(api).status_code == 409
    assert not QueueItem.objects.exists()


# Database errors


@pytest.fixture
def broken_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Lose the connection in the next COMMIT, after (`True`) or before it is done."""

    def lose(is_done: bool) -> None:
        commit = connection._commit  # type: ignore[attr-defined]
        left = [LOST]

        def fail() -> None:
            if is_done or not left:
                commit()
            if left:
                connection.errors_occurred = True
                connection.close()
                raise left.pop()

        monkeypatch.setattr(connection, "_commit", fail)

    return lose


@transactional
def test_a_push_is_replayed_if_its_commit_broke_after_it_was_done(
    api: Api, broken_commit: Callable[[bool], None]
) -> None:
    broken_commit(True)
    response = push(api)
    assert response.status_code == 201
    assert is_replayed(response)
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


@transactional
def test_a_push_is_repeated_if_its_commit_broke_before_it_was_done(
    api: Api, broken_commit: Callable[[bool], None]
) -> None:
    broken_commit(False)
    response = push(api)
    assert response.status_code == 201
    assert not is_replayed(response)
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


@transactional
@pytest.mark.parametrize("is_done", [True, False])
def test_a_trigger_is_set_once_if_its_commit_broke(
    api: Api, broken_commit: Callable[[bool], None], is_done: bool
) -> None:
    create_trigger()
    broken_commit(is_done)
    with failing(UPDATE_TRIGGER) as executions:
        assert arm(api).status_code == 200
    assert len(executions) == (1 if is_done else 2)
    assert Trigger.objects.get().process_status == "IDLE"


@transactional
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("statement", [INSERT_KEY, INSERT_ITEM, "UPDATE"])
def test_a_push_is_repeated_after_a_lost_connection(api: Api, statement: str, done: bool) -> None:
    api.post("/api/queue", ITEM)  # so that last_used is not updated in the next request
    QueueItem.objects.all().delete()
    with failing(statement, LOST, done=done, lost=True) as executions:
        response = push(api)
    assert response.status_code == 201
    assert len(executions) == 2
    assert str(QueueItem.objects.get().pk) == response.json()["id"]


@transactional
@pytest.mark.parametrize("done", [True, False])
def test_a_trigger_is_repeated_after_a_lost_connection(api: Api, done: bool) -> None:
    create_trigger()
    with failing(UPDATE_TRIGGER, LOST, done=done, lost=True) as executions:
        assert arm(api).status_code == 200
    assert len(executions) == 2
    assert Trigger.objects.get().process_status == "IDLE"


@transactional
@pytest.mark.parametrize(
    "error", [DEADLOCK, OperationalError("disk full"), IntegrityError("another constraint")]
)
def test_any_error_of_the_write_is_repeated_once(api: Api, error: Error) -> None:
    with failing(INSERT_ITEM, error) as executions:
        assert push(api).status_code == 201
    assert len(executions) == 2
    with failing(INSERT_ITEM, error, error) as executions:
        assert push(api, key="other").status_code == 500
    assert len(executions) == 2
    assert QueueItem.objects.count() == 1


@transactional
def test_an_unusable_connection_is_replaced_before_the_repeat(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    before: list[object] = []

    def error() -> Error:
        before.append(connection.connection)
        return Error("HY000", "[HY000] Unknown error (0) (SQLExecDirectW)")

    with failing(INSERT_ITEM, error()):
        assert push(api).status_code == 201
    assert connection.connection is not before[0]


@transactional
def test_a_push_is_repeated_if_closing_the_lost_connection_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As mssql-python does, if a COMMIT ended the session.
    def close() -> None:
        raise LOST

    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", close)
    with failing(INSERT_ITEM, LOST):
        assert push(api).status_code == 201
    assert QueueItem.objects.count() == 1


# Queries


@transactional
def test_a_push_takes_five_queries(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.post("/api/queue", ITEM)
    # BEGIN; the INSERT of the key; the INSERT of the item; the UPDATE of the key; COMMIT
    with django_assert_num_queries(5):
        push(api)


@transactional
def test_a_replay_takes_four_queries(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    push(api)
    # BEGIN; the INSERT of the key; ROLLBACK; the SELECT of the key
    with django_assert_num_queries(4):
        push(api)
