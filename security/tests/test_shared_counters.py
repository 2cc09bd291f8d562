"""Rate limits of several processes, and all else that is cached, in a real Redis."""

import json
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from redis import StrictRedis

from queueapi.tests.helpers import (
    Forms,
    Serve,
    Server,
    SignIn,
    database_url,
    eventually,
    manage,
)
from queueapi.tests.redis_server import Redis
from queues.models import QueueItem
from security.models import ApiKey


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


def push(server: Server, key: str) -> HTTPResponse:
    response, _ = server.request(
        "POST",
        "/api/queue",
        b'{"queue_name": "q"}',
        X_API_Key=key,
        Content_Type="application/json",
    )
    return response


@pytest.mark.slow
def test_two_processes_accept_exactly_the_limit_together(
    serve: Serve, redis: Redis, key: str
) -> None:
    # With a window of a day, hardly a test run is in two windows.
    shared = {"CACHE_URL": redis.url, "WEB_PROCESSES": "2", "RATE_QUEUE": "50/d"}
    servers = [serve(**shared), serve(**shared)]

    def race(n: int) -> int:
        return push(servers[n % 2], key).status

    with ThreadPoolExecutor(16) as clients:
        codes = list(clients.map(race, range(80)))
    assert codes.count(201) == 50
    assert codes.count(429) == 30


def test_the_headers_come_from_the_shared_counter(serve: Serve, redis: Redis, key: str) -> None:
    shared = {"CACHE_URL": redis.url, "WEB_PROCESSES": "2", "RATE_QUEUE": "50/d"}
    assert push(serve(**shared), key).headers["RateLimit-Remaining"] == "49"
    assert push(serve(**shared), key).headers["RateLimit-Remaining"] == "48"


@pytest.mark.slow
def test_requests_pass_while_redis_is_down_and_count_when_it_is_up_again(
    serve: Serve, redis: Redis, key: str
) -> None:
    server = serve(CACHE_URL=redis.url, RATE_QUEUE="2/d")
    assert [push(server, key).status for _ in range(3)] == [201, 201, 429]

    redis.stop()
    responses = [push(server, key) for _ in range(10)]
    assert {response.status for response in responses} == {201}
    assert "RateLimit-Limit" not in responses[0].headers
    assert server.log.read_text().count("The cache is away") == 1
    # Keys and bans are in the database.
    assert push(server, "wrong").status == 401

    redis.start()
    assert eventually(lambda: push(server, key).headers["RateLimit-Limit"])


# Cached values are JSON; nothing else is read.

CACHE = """
from django.conf import settings
from queueapi.admin.selected_rows import Selection
from queues import queue_statistics
from queues.models import QueueItem
from security.admin.forms import is_first_use
rows = QueueItem.objects.values_list("pk", "status")
"""


def run(code: str, redis: Redis) -> str:
    result = manage(
        *("shell", "-v0", "-c", CACHE + code), CACHE_URL=redis.url, DATABASE_URL=database_url()
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_cached_values_are_json(redis: Redis, serve: Serve, key: str) -> None:
    push(serve(CACHE_URL=redis.url), key)
    # In one process, as the numbers expire after a quarter of a minute.
    run(
        """
Selection.create("1", "requeue", rows)
is_first_use("token")
queue_statistics.queue_names()
queue_statistics.statistics()
""",
        redis,
    )
    with StrictRedis.from_url(redis.url) as client:
        cached = {name.decode(): json.loads(client.get(name)) for name in client.scan_iter()}
    selection = cached.pop(":1:selection.1.0")
    assert selection["counts"] == {"NEW": 1}
    assert cached.pop(f":1:{selection['token']}.0") == {str(QueueItem.objects.get().pk): "NEW"}
    assert cached.pop(":1:queues.queue_statistics")["queues"][0]["counts"] == {"NEW": 1}
    # The names of queues, the token, and the counter of the rate.
    assert sorted(cached.values(), key=str) == [1, True, ["q"]]


def test_cached_values_are_read_as_they_were(redis: Redis, transactional_db: None) -> None:
    QueueItem.objects.create(queue_name="q")
    out = run(
        """
saved = Selection.create("1", "requeue", rows)
found = Selection.find("1", "requeue", saved.token)
print(found == saved, [*next(found.batches())] == [str(rows.get()[0])])
print(queue_statistics.statistics() == queue_statistics.statistics())
print(is_first_use("token"), is_first_use("token"))
""",
        redis,
    )
    assert out.split() == ["True", "True", "True", "True", "False"]


class Evil:
    """An object whose pickle makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_planted_pickle_is_not_run(redis: Redis, transactional_db: None, tmp_path: Path) -> None:
    QueueItem.objects.create(queue_name="q")
    with StrictRedis.from_url(redis.url) as client:
        for name in (
            "selection.1.0",
            "queues.queue_statistics",
            "queues.names",
            "once.token",
        ):
            client.set(f":1:{name}", pickle.dumps(Evil(tmp_path / "made")))
    out = run(
        """
print(len(queue_statistics.statistics().queues), queue_statistics.queue_names())
print(is_first_use("token"))
try:
    Selection.find("1", "requeue", "")
except settings.CACHE_ERRORS as error:
    print(type(error).__name__)
""",
        redis,
    )
    assert out.split() == ["1", "['q']", "False", "UnicodeDecodeError"]
    assert not (tmp_path / "made").exists()


# A long action of a killed process.


@pytest.mark.slow
def test_another_process_goes_on_with_the_action_of_a_killed_one(
    serve: Serve, redis: Redis, sign_in: SignIn
) -> None:
    url = "/admin/queues/queueitem/"
    rows = 5000
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(rows))
    session = sign_in().cookies["sessionid"].value
    changed = QueueItem.objects.filter(status="NEW")

    def post(server: Server, fields: dict[str, str]) -> str:
        csrf = "c" * 32
        headers = {"Cookie": f"sessionid={session}; csrftoken={csrf}", "X_CSRFToken": csrf}
        headers["Content_Type"] = "application/x-www-form-urlencoded"
        return server.request("POST", url, urlencode(fields).encode(), **headers)[1].decode()

    first = serve(CACHE_URL=redis.url)
    choice = {"action": "requeue", "_selected_action": str(QueueItem.objects.earliest("id").pk)}
    page = post(first, {**choice, "select_across": "1", "index": "0"})
    form = next(fields for _, fields in Forms(page).forms if "selection" in fields)
    with ThreadPoolExecutor(1) as tab:
        response = tab.submit(post, first, form)
        assert eventually(changed.exists)
        first.process.kill()
        assert isinstance(response.exception(), OSError | HTTPException)
    assert changed.count() == LogEntry.objects.count()
    assert changed.count() % 500 == 0

    second = serve(CACHE_URL=redis.url)
    assert "Another request is at work" in post(second, form)
    with StrictRedis.from_url(redis.url) as client:
        client.delete(f":1:{form['selection']}.lock")  # as it expires
    while " rows done" in post(second, form):
        pass
    assert changed.count() == LogEntry.objects.count() == rows
