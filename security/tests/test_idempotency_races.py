"""Requests with an `Idempotency-Key` to servers: many at once, and servers that are killed."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from queueapi.tests.helpers import TIMEOUT, Api, Serve, Server, eventually
from queues.models import QueueItem
from security.models import IdempotencyKey
from security.tests.helpers import ITEM
from triggers.models import SingleTrigger, Trigger

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 32
RATES = dict.fromkeys(("RATE_QUEUE", "RATE_BULK", "RATE_BULK_ITEMS", "RATE_TRIGGER"), "1000000/m")


@pytest.fixture(scope="module")
def servers(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Server]]:
    """Two servers on the test database, which all tests that kill none share."""
    folder = tmp_path_factory.mktemp("servers")
    with Server(folder / "0", **RATES) as first, Server(folder / "1", **RATES) as second:
        yield [first, second]


def send(server: Server, api: Api, path: str, body: Any, key: str) -> tuple[int, dict[str, Any]]:
    """Post with an `Idempotency-Key`; return the status code and the body."""
    headers = {"X-API-Key": api.key, "Content-Type": "application/json", "Idempotency-Key": key}
    response, content = server.request("POST", path, json.dumps(body).encode(), **headers)
    return response.status, json.loads(content)


def send_at_once(
    servers: list[Server], api: Api, path: str, body: Any
) -> list[tuple[int, dict[str, Any]]]:
    """Post the same body with one key from all callers to two servers; return the answers."""
    start = threading.Barrier(CALLERS)

    def call(number: int) -> tuple[int, dict[str, Any]]:
        start.wait(TIMEOUT)
        return send(servers[number % 2], api, path, body, "k")

    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(call, range(CALLERS)))


def test_callers_with_one_key_at_once_store_one_item(servers: list[Server], api: Api) -> None:
    answers = send_at_once(servers, api, "/api/queue", ITEM)
    item = QueueItem.objects.get()
    assert answers == [(201, {"success": True, "id": str(item.pk)})] * CALLERS


def test_callers_with_one_key_at_once_store_one_bulk(servers: list[Server], api: Api) -> None:
    answers = send_at_once(servers, api, "/api/queue/bulk", {"items": [ITEM] * 100})
    assert answers == [(201, answers[0][1])] * CALLERS
    stored = {str(pk) for pk in QueueItem.objects.values_list("pk", flat=True)}
    assert (len(stored), stored) == (100, set(answers[0][1]["ids"]))


def test_callers_with_one_key_at_once_start_a_trigger_once(servers: list[Server], api: Api) -> None:
    SingleTrigger.objects.create(trigger_name="T", process_status="DONE", next_run=timezone.now())
    starts: Counter[str] = Counter()
    end = threading.Event()
    with ThreadPoolExecutor(1) as scheduler:
        scheduling = scheduler.submit(schedule, starts, end)
        try:
            answers = send_at_once(servers, api, "/api/trigger", {"trigger_name": "T"})
        finally:
            end.set()
        scheduling.result(TIMEOUT)
    answer = {"success": True, "trigger_name": "T", "new_status": "IDLE"}
    assert answers == [(200, answer)] * CALLERS
    assert starts == {"T": 1}


def test_a_header_that_is_sent_twice_is_a_400(servers: list[Server], api: Api) -> None:
    with closing(HTTPConnection("127.0.0.1", servers[0].port, timeout=TIMEOUT)) as client:
        client.putrequest("POST", "/api/queue")
        for name, value in {
            "X-API-Key": api.key,
            "Content-Type": "application/json",
            "Content-Length": "18",
        }.items():
            client.putheader(name, value)
        client.putheader("Idempotency-Key", "k")
        client.putheader("Idempotency-Key", "k")
        client.endheaders(b'{"queue_name":"q"}')
        assert client.getresponse().status == 400


def until_answered(
    serve: Serve, api: Api, path: str, bodies: Sequence[Any]
) -> list[tuple[int, dict[str, Any]]]:
    """Post each body with a key of its own until it is answered, and kill the server three times.

    Each new server has another port. Returns the answers.
    """
    servers = [serve(**RATES)]
    answers: list[tuple[int, dict[str, Any]]] = []

    def is_replaced(server: Server) -> bool:
        return servers[-1] is not server

    def has_answers(count: int) -> bool:
        return len(answers) >= count

    def call(number: int) -> None:
        while True:
            server = servers[-1]
            try:
                answers.append(send(server, api, path, bodies[number], str(number)))
            except (OSError, HTTPException):
                assert eventually(partial(is_replaced, server))
            else:
                return

    with ThreadPoolExecutor(8) as callers:
        calls = [callers.submit(call, number) for number in range(len(bodies))]
        for part in range(1, 4):
            assert eventually(partial(has_answers, len(bodies) * part // 4))
            servers[-1].process.kill()
            servers[-1].process.wait(TIMEOUT)
            servers.append(serve(**RATES))
        for each in calls:
            each.result(TIMEOUT)
    return answers


def one_item(number: int) -> dict[str, Any]:
    return {"queue_name": "q", "reference": str(number)}


def ten_items(number: int) -> dict[str, Any]:
    return {"items": [one_item(10 * number + place) for place in range(10)]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "create_body", "get_ids"),
    [
        pytest.param("/api/queue", one_item, lambda body: [body["id"]], id="queue"),
        pytest.param("/api/queue/bulk", ten_items, lambda body: body["ids"], id="bulk"),
    ],
)
def test_pushes_repeated_to_killed_servers_are_stored_once(
    serve: Serve,
    api: Api,
    path: str,
    create_body: Callable[[int], dict[str, Any]],
    get_ids: Callable[[dict[str, Any]], list[str]],
) -> None:
    answers = until_answered(serve, api, path, [create_body(number) for number in range(500)])
    assert Counter(status for status, _ in answers) == {201: 500}
    answered = sorted(id_ for _, body in answers for id_ in get_ids(body))
    assert answered == sorted(str(pk) for pk in QueueItem.objects.values_list("pk", flat=True))
    assert QueueItem.objects.values("reference").distinct().count() == len(answered)
    assert IdempotencyKey.objects.count() == 500


def schedule(starts: Counter[str], end: threading.Event) -> None:
    """Start IDLE triggers as the scheduler does, and count the starts by name."""
    try:
        while True:
            is_last = end.wait(0.01)  # or it takes the core that the servers need
            for trigger in Trigger.objects.filter(process_status="IDLE"):
                rows = Trigger.objects.filter(pk=trigger.pk, process_status="IDLE")
                starts[trigger.trigger_name] += rows.update(process_status="RUNNING")
            if is_last:
                return
    finally:
        connection.close()


@pytest.mark.slow
def test_triggers_repeated_to_killed_servers_start_once(serve: Serve, api: Api) -> None:
    names = [f"T{number}" for number in range(200)]
    for name in names:
        SingleTrigger.objects.create(
            trigger_name=name,
            process_name="P",
            process_path="p.py",
            process_status="DONE",
            next_run=timezone.now(),
        )
    starts: Counter[str] = Counter()
    end = threading.Event()
    with ThreadPoolExecutor(1) as scheduler:
        scheduling = scheduler.submit(schedule, starts, end)
        try:
            bodies = [{"trigger_name": name} for name in names]
            answers = until_answered(serve, api, "/api/trigger", bodies)
        finally:
            end.set()
        scheduling.result(TIMEOUT)
    assert Counter(status for status, _ in answers) == {200: len(names)}
    assert starts == dict.fromkeys(names, 1)
