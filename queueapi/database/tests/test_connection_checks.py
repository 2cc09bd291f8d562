"""Checks of the connection; a push soon after another skips them."""

from collections.abc import Callable

import pytest
from django.db import OperationalError, close_old_connections, connection

from queueapi.database.retries import last_use
from queueapi.tests.helpers import Api, ClientResponse, failing
from queues.models import MAX_IDLE, QueueItem
from security.models import Client
from triggers.tests.helpers import single

pytestmark = pytest.mark.django_db(transaction=True)

Checks = list[bool]


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of `ensure_connection()`."""
    clock = Clock()
    monkeypatch.setattr("queueapi.database.retries.monotonic", lambda: clock.now)
    monkeypatch.setattr(last_use, "time", 0.0, raising=False)  # to restore it
    return clock


def push(api: Api, **headers: str) -> ClientResponse:
    # As at the start of a request; the test client leaves it out.
    close_old_connections()
    return api.post("/api/queue", {"queue_name": "q"}, **headers)


@pytest.fixture
def checks(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Push an item, and return the results of later checks."""
    Client.objects.get().limit(may_read=True)
    assert push(api).status_code == 201
    results: Checks = []

    def is_usable() -> bool:
        # As in mssql-django; Django's for SQLite is always true.
        try:
            connection.create_cursor().execute("SELECT 1")
        except connection.Database.Error:  # type: ignore[attr-defined]
            is_alive = False
        else:
            is_alive = True
        results.append(is_alive)
        return is_alive

    monkeypatch.setattr(connection, "is_usable", is_usable)
    return results


def break_connection() -> None:
    """End the session without the knowledge of Django."""
    if connection.vendor == "sqlite":
        connection.connection.close()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@SPID")
        (session,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(f"KILL {session}")
    other.close()


def test_a_push_soon_after_another_checks_nothing(api: Api, checks: Checks) -> None:
    for _ in range(2):
        push(api)
    assert checks == []


def test_a_push_after_a_while_checks_the_connection(api: Api, checks: Checks, clock: Clock) -> None:
    clock.now += MAX_IDLE
    push(api)
    push(api)
    assert checks == [True]


def test_a_push_after_an_error_checks_the_connection(api: Api, checks: Checks) -> None:
    with failing("INSERT", OperationalError("HYT00", "[HYT00] Query timeout expired")):
        assert push(api).status_code == 500
    checks.clear()
    push(api)
    assert checks == [True]


@pytest.mark.parametrize("idle", [0, MAX_IDLE])
def test_a_push_over_a_broken_connection_is_stored_once(
    api: Api, checks: Checks, clock: Clock, idle: float
) -> None:
    clock.now += idle
    break_connection()
    response = push(api)
    assert response.status_code == 201
    assert QueueItem.objects.filter(pk=response.json()["id"]).exists()
    assert QueueItem.objects.count() == 2


def push_with_key(api: Api) -> ClientResponse:
    return push(api, Idempotency_Key="k")


def push_two(api: Api) -> ClientResponse:
    close_old_connections()
    items = [{"queue_name": "q"}, {"queue_name": "q", "reference": "r"}]
    return api.post("/api/queue/bulk", {"items": items})


def read(api: Api) -> ClientResponse:
    close_old_connections()
    return api.get("/api/queue", {"reference": "r"})


def arm(api: Api) -> ClientResponse:
    close_old_connections()
    return api.post("/api/trigger", {"trigger_name": "Report"})


def arm_with_key(api: Api) -> ClientResponse:
    close_old_connections()
    return api.post("/api/trigger", {"trigger_name": "Report"}, Idempotency_Key="k")


OTHERS = {
    push_with_key: 1,
    push_two: 2,
    read: 0,
    arm: 0,
    arm_with_key: 0,
}  # and the items that each adds


@pytest.mark.parametrize("request_", OTHERS)
def test_other_requests_check_the_connection(
    api: Api, checks: Checks, request_: Callable[[Api], ClientResponse]
) -> None:
    single(trigger_name="Report")
    assert request_(api).status_code in {200, 201}
    assert checks == [True]


@pytest.mark.parametrize(("request_", "items"), OTHERS.items())
def test_other_requests_replace_a_broken_connection(
    api: Api, checks: Checks, request_: Callable[[Api], ClientResponse], items: int
) -> None:
    single(trigger_name="Report")
    before = QueueItem.objects.count()
    break_connection()
    assert request_(api).status_code in {200, 201}
    assert QueueItem.objects.count() == before + items
