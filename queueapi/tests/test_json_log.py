"""The log in JSON: access events, security events, and what is in no line."""

import io
import json
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from queueapi.log_format import JSONFormatter, LogStream
from queueapi.tests.helpers import Api, Serve, eventually, manage
from queues.tests.helpers import item
from security.models import ApiKey, Client
from security.models.api_keys import api_key_cache
from security.request_id import RequestContextFilter
from triggers.tests.helpers import single

JSON = {"Content-Type": "application/json"}

# Returns the lines so far; with a name, the events of that name.
Log = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    """Log in JSON to memory."""
    settings.LOG_FORMAT = "json"
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(RequestContextFilter())
    events = logging.getLogger("queueapi.events")
    events.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)

    def lines(event: str = "") -> list[dict[str, Any]]:
        found = list(map(json.loads, stream.getvalue().splitlines()))
        return [line for line in found if not event or line.get("event") == event]

    yield lines
    logging.getLogger().removeHandler(handler)
    events.setLevel(logging.WARNING)


def access(log: Log) -> dict[str, Any]:
    """Return the only access event, without its time."""
    (event,) = log("request")
    return {name: event[name] for name in event if name not in ("time", "milliseconds")}


# Access events.


def test_it_works(api: Api, log: Log) -> None:
    response = api.post("/api/queue", {"queue_name": "q"}, X_Request_ID="find-me")
    assert access(log) == {
        "level": "INFO",
        "logger": "queueapi.events",
        "event": "request",
        "request_id": "find-me",
        "client_ip": "127.0.0.1",
        "client": "ERP",
        "key": ApiKey.objects.get().prefix,
        "method": "POST",
        "path": "/api/queue",
        "status": 201,
        "id": response.json()["id"],
        "message": "request",
    }


def test_a_time_has_an_offset_and_milliseconds(api: Api, log: Log) -> None:
    api.get("/api/docs")
    (event,) = log("request")
    at = datetime.fromisoformat(event["time"])
    assert at.tzinfo is not None
    assert len(event["time"]) == len("2026-11-24T10:03:00.123+01:00")
    assert event["milliseconds"] > 0


def test_a_bulk_has_its_count(api: Api, log: Log) -> None:
    api.post("/api/queue/bulk", {"items": [{"queue_name": "q"}] * 3})
    event = access(log)
    assert (event["count"], "id" in event) == (3, False)


def test_a_trigger_has_its_name(api: Api, log: Log) -> None:
    single(trigger_name="Nightly")
    api.post("/api/trigger", {"trigger_name": "Nightly", "process_status": "IDLE"})
    assert access(log)["trigger"] == "Nightly"


def test_a_replay_has_the_id_of_the_first(api: Api, log: Log) -> None:
    for _ in range(2):
        api.post("/api/queue", {"queue_name": "q"}, Idempotency_Key="once")
    first, second = log("request")
    assert (first.get("replayed"), second["replayed"]) == (None, True)
    assert first["id"] == second["id"]


def test_a_request_that_writes_nothing_has_no_id(api: Api, log: Log) -> None:
    Client.objects.update(may_read=True)
    api_key_cache.invalidate_all()
    api.get(f"/api/queue/{item().pk}")
    assert "id" not in access(log)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/docs", 405),
        ("GET", "/api", 302),
        ("GET", "/api/docs", 200),
        ("GET", "/api/schema", 200),
        ("HEAD", "/api/queue", 401),
    ],
)
def test_every_request_to_the_api_has_an_event(
    api: Api, log: Log, method: str, path: str, status: int
) -> None:
    api.client.generic(method, path)
    event = access(log)
    assert (event["method"], event["path"], event["status"]) == (method, path, status)


@pytest.mark.django_db
def test_other_requests_have_none(api: Api, log: Log) -> None:
    for path in ("/admin/login/", "/static/nothing.css", "/apis", "/"):
        api.client.get(path)
    assert log("request") == []


def test_a_refusal_has_its_reason(api: Api, log: Log) -> None:
    api.post("/api/queue", {}, X_API_Key="wrong")
    event = access(log)
    assert (event["status"], event["reason"], "client" in event) == (401, "unknown", False)


def test_a_revoked_key_is_named(api: Api, log: Log) -> None:
    key = ApiKey.objects.get()
    key.revoke()
    api.post("/api/queue", {})
    event = access(log)
    assert (event["reason"], event["client"], event["key"]) == ("revoked", "ERP", key.prefix)


def test_an_error_has_an_event_and_a_traceback(
    api: Api, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queues.views.push", None)
    api.post("/api/queue", {"queue_name": "q"})
    (error,) = [line for line in log() if "traceback" in line]
    assert (error["level"], error["client"]) == ("ERROR", "ERP")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert access(log)["status"] == 500


def test_hostile_text_is_parseable_and_truncated(api: Api, log: Log) -> None:
    api.client.generic("X" * 50, "/api/" + "%0a%e2%80%a8%ff" + "x" * 8000)
    logging.getLogger("waitress").warning("serving %s", "/\ud800\x00\n" + "x" * 8000)
    for line in log():
        assert len(json.dumps(line)) < 2000
    assert log()[-1]["message"].startswith("serving /\\ud800\\x00\\nxxx")


# What is in no line.


def test_a_query_in_a_message_is_left_out(log: Log) -> None:
    text = "Referer checking failed - https://a.example/admin/?q=%s b does not match"
    logging.getLogger("django").warning(text, 'private"1')
    assert log()[0]["message"] == "Referer checking failed - https://a.example/admin/?"


def test_a_value_in_an_error_of_sql_server_is_left_out(log: Log) -> None:
    error = ValueError('in column "data". Truncated value: \'private\n"1"\'. (2628)')
    logging.getLogger("django").error("Failed", exc_info=error)
    assert log()[0]["traceback"].endswith('in column "data". Truncated value: ')


def test_what_python_writes_to_stderr_is_logged_by_the_line(log: Log) -> None:
    stream = LogStream()
    for text in ("Exception in ", "thread\n\nTrace", "back\n"):
        stream.write(text)
    assert [(line["logger"], line["message"]) for line in log()] == [
        ("stderr", "Exception in thread"),
        ("stderr", "Traceback"),
    ]


def test_checks_and_errors_of_the_start_are_in_json() -> None:
    result = manage("serve", "--threads", "0", LOG_FORMAT="json", TRUSTED_PROXIES=None)
    messages = [json.loads(line)["message"] for line in result.stderr.splitlines()]
    assert any("(security_app.W001)" in message for message in messages)
    assert messages[-1] == "CommandError: --threads must be at least 1."


def test_each_request_has_one_event(serve: Serve, transactional_db: None) -> None:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    server = serve(LOG_FORMAT="json")

    def push(number: int) -> int:
        headers = {"X-API-Key": key, "X-Request-ID": f"push-{number}", **JSON}
        return server.request("POST", "/api/queue", b'{"queue_name": "q"}', **headers)[0].status

    def leave(number: int) -> None:
        """Send a request and close the connection without reading the response."""
        head = f"POST /api/queue HTTP/1.1\r\nX-Request-ID: left-{number}\r\nContent-Length: 2"
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(f"{head}\r\nHost: 127.0.0.1\r\n\r\n{{}}".encode())
            connected.recv(1)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(push, range(60))) == [201] * 60
        list(pool.map(leave, range(4)))
    malformed = server.request("POST", "/api/queue", b"", X_API_Key=key, Transfer_Encoding="x")
    assert malformed[0].status == 501

    def ids() -> list[str]:
        lines = map(json.loads, server.log.read_text().splitlines())
        return sorted(line["request_id"] for line in lines if line.get("event") == "request")

    sent = [f"push-{number}" for number in range(60)] + [f"left-{number}" for number in range(4)]
    assert eventually(lambda: len(ids()) >= 65)
    server.stop()
    assert ids() == sorted([*sent, malformed[0].headers["X-Request-ID"]])
