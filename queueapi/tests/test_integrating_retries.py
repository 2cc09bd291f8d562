"""The loops of docs/integrating.md that repeat requests, against a server that fails."""

import importlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import httpx
import pytest

from queueapi.tests.helpers import TIMEOUT, Server
from queueapi.tests.test_integrating import blocks_of, needs_bash, statuses_in, tables_of
from queues.models import QueueItem
from security.models import ApiKey

ITEM = {"queue_name": "SomeQueue", "data": {"name": "Mette Østergaard"}}
DROP = 0  # in a script: read the request, and close the connection
HANG = 1  # in a script: read the request, and send nothing until the test is over

TABLE = tables_of("3. Repeat what failed")
REPEATED = statuses_in(" ".join(row[0] for row in TABLE if row[1] == "yes"))
NEVER = statuses_in(" ".join(row[0] for row in TABLE if row[1].startswith("never")))


class FailingServer(ThreadingHTTPServer):
    """Respond with the statuses of a script in turn, and with 201 afterwards."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FailingHandler)
        self.script: list[int] = []
        self.headers: dict[str, str] = {}  # of the failing responses
        self.received: list[tuple[str, bytes]] = []  # Idempotency-Key and body
        self.is_over = threading.Event()
        self.behind: Server | None = None  # handles each request, before the script
        self.url = f"http://127.0.0.1:{self.server_port}"


class FailingHandler(BaseHTTPRequestHandler):
    server: FailingServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Idempotency-Key"], body))
        status, response = 201, b'{"success": true, "id": "1"}'
        if self.server.behind:
            sent = {name.replace("-", "_"): value for name, value in self.headers.items()}
            real, response = self.server.behind.request("POST", self.path, body, **sent)
            status = real.status
        if self.server.script:
            status = self.server.script.pop(0)
            response = b'{"success": false, "error": "It failed."}'
        if status == HANG:
            self.server.is_over.wait(TIMEOUT)
        if status in (DROP, HANG):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(status)
        for name, value in self.server.headers.items() if status != 201 else ():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Clock:
    """Stand in for the module `time`: sleeping takes no time, and is recorded."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class QueueApi(Protocol):
    """The module of the page."""

    client: httpx.Client
    time: Clock
    random: Any

    def send(
        self, path: str, body: Any, idempotency_key: str, limit: float = ...
    ) -> dict[str, Any]: ...


@pytest.fixture
def server() -> Iterator[FailingServer]:
    with FailingServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_over.set()
        server.shutdown()


@pytest.fixture
def queue_api(
    server: FailingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Import the module of the page, with a clock that takes no time."""
    (tmp_path / "queue_api.py").write_text(blocks_of("python", "Python")[0].code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("URL", server.url)
    monkeypatch.setenv("KEY", "a key")
    module: Any = importlib.import_module("queue_api")
    module.time = Clock()
    yield module
    module.client.close()
    del sys.modules["queue_api"]


def use_longest_waits(queue_api: QueueApi) -> None:
    """Choose the largest random number each time."""
    queue_api.random = SimpleNamespace(uniform=lambda low, high: high)


@pytest.mark.parametrize("failure", [*sorted(REPEATED - {409}), DROP])
def test_repeats_the_same_request_until_it_succeeds(
    server: FailingServer, queue_api: QueueApi, failure: int
) -> None:
    server.script = [failure, failure]
    assert queue_api.send("/api/queue", ITEM, "invoice-4711") == {"success": True, "id": "1"}
    keys, bodies = zip(*server.received, strict=True)
    assert keys == ("invoice-4711",) * 3
    assert [json.loads(body) for body in bodies] == [ITEM] * 3


@pytest.mark.parametrize("status", sorted(NEVER))
def test_never_repeats_an_error_of_the_caller(
    server: FailingServer, queue_api: QueueApi, status: int
) -> None:
    server.script = [status]
    with pytest.raises(httpx.HTTPStatusError, match=rf"{status} .*It failed\."):
        queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert len(server.received) == 1


def test_repeats_a_409_with_retry_after(server: FailingServer, queue_api: QueueApi) -> None:
    server.script, server.headers = [409], {"Retry-After": "1"}
    assert queue_api.send("/api/queue", ITEM, "invoice-4711")["id"] == "1"


def test_never_repeats_a_401_with_retry_after(server: FailingServer, queue_api: QueueApi) -> None:
    server.script, server.headers = [401], {"Retry-After": "1"}
    with pytest.raises(httpx.HTTPStatusError):
        queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert len(server.received) == 1


def test_repeats_after_a_timeout(server: FailingServer, queue_api: QueueApi) -> None:
    server.script = [HANG]
    queue_api.client.timeout = httpx.Timeout(TIMEOUT, read=1)
    assert queue_api.send("/api/queue", ITEM, "invoice-4711", limit=TIMEOUT)["id"] == "1"
    assert {key for key, _ in server.received} == {"invoice-4711"}


def test_waits_at_least_as_long_as_retry_after(server: FailingServer, queue_api: QueueApi) -> None:
    server.script, server.headers = [429, 429], {"Retry-After": "37"}
    queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert min(queue_api.time.waits) >= 37


def test_a_date_in_retry_after_is_ignored(server: FailingServer, queue_api: QueueApi) -> None:
    server.script, server.headers = [503], {"Retry-After": "Thu, 26 Nov 2026 10:00:00 GMT"}
    assert queue_api.send("/api/queue", ITEM, "invoice-4711")["id"] == "1"


def test_the_random_wait_doubles_up_to_a_minute(server: FailingServer, queue_api: QueueApi) -> None:
    server.script = [503] * 8
    use_longest_waits(queue_api)
    queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert queue_api.time.waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_waits_are_random(server: FailingServer, queue_api: QueueApi) -> None:
    server.script = [503] * 5
    queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert all(0 <= wait <= 2**attempt for attempt, wait in enumerate(queue_api.time.waits))
    assert len(set(queue_api.time.waits)) == 5


@pytest.mark.parametrize("failure", [503, DROP])
def test_gives_up_after_the_limit(server: FailingServer, queue_api: QueueApi, failure: int) -> None:
    server.script = [failure] * 1000
    with pytest.raises(httpx.HTTPError):
        queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert 600 - 60 <= queue_api.time.monotonic() <= 600


def test_gives_up_at_once_if_retry_after_is_beyond_the_limit(
    server: FailingServer, queue_api: QueueApi
) -> None:
    server.script, server.headers = [429], {"Retry-After": "86400"}
    with pytest.raises(httpx.HTTPStatusError, match="429"):
        queue_api.send("/api/queue", ITEM, "invoice-4711")
    assert queue_api.time.waits == []


def test_repeats_while_the_port_is_closed(server: FailingServer, queue_api: QueueApi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        queue_api.send(f"http://127.0.0.1:{port}/api/queue", ITEM, "invoice-4711", limit=5)
    assert queue_api.time.waits


@pytest.mark.parametrize("key", ["two\nlines", "line end\n"])
def test_a_key_that_is_no_header_is_not_repeated(
    server: FailingServer, queue_api: QueueApi, key: str
) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        queue_api.send("/api/queue", ITEM, key)
    assert queue_api.time.waits == []


def test_an_item_whose_response_was_lost_is_stored_once(
    transactional_db: None, server: FailingServer, queue_api: QueueApi, shared_server: Server
) -> None:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    queue_api.client.headers["X-API-Key"] = key
    server.behind, server.script = shared_server, [DROP, 502]
    stored = queue_api.send("/api/queue", ITEM, "invoice-4711")["id"]
    assert len(server.received) == 3
    assert str(QueueItem.objects.get().pk) == stored


# curl


def run_curl(server: FailingServer) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", blocks_of("bash", "curl")[0].code],
        env={**os.environ, "URL": server.url, "KEY": "a key"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@needs_bash
def test_curl_repeats_the_same_request_until_it_succeeds(server: FailingServer) -> None:
    server.script = [503]
    assert run_curl(server).returncode == 0
    assert len(server.received) == 2
    assert len(set(server.received)) == 1


@needs_bash
@pytest.mark.parametrize("status", sorted(NEVER))
def test_curl_never_repeats_an_error_of_the_caller(server: FailingServer, status: int) -> None:
    server.script = [status]
    result = run_curl(server)
    assert result.returncode == 22
    assert "It failed." in result.stdout
    assert len(server.received) == 1
