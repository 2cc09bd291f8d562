"""The log in JSON: access events, security events, and what is in no line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from queueapi.log_format import JSONFormatter, LogStream
from queueapi.tests.helpers import Api, SignIn, form_in
from queues.tests.helpers import item
from queues.tests.test_admin_export import export
from security.management.acting_user import acting_user
from security.models import ApiKey, BannedIP, Client
from security.request_id import RequestContextFilter
from security.tests.helpers import invalidate_caches, run
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
        # The test's own transaction is never committed.
        for waiting in connection.run_on_commit:
            waiting[1]()
        connection.run_on_commit.clear()
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
    invalidate_caches()
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
    (served,) = [line["message"] for line in log() if line["logger"] == "waitress"]
    assert served.startswith("serving /\\ud800\\x00\\nxxx")


# Security events.


def test_keys_have_events(db: None, log: Log) -> None:
    ApiKey.objects.issue("ERP", lifetime=None)
    ApiKey.objects.rotate("ERP", timedelta(hours=1))
    imported = ApiKey.objects.import_secret("Old", "a secret of twenty characters")
    imported.revoke()
    imported.revoke()
    first, second = ApiKey.objects.filter(client__name="ERP").order_by("pk")
    assert [(line["event"], line["client"], line.get("key")) for line in log()] == [
        ("client.changed", "ERP", None),
        ("key.created", "ERP", first.prefix),
        ("key.created", "ERP", second.prefix),
        ("key.rotated", "ERP", second.prefix),
        ("client.changed", "Old", None),
        ("key.imported", "Old", imported.prefix),
        ("key.revoked", "Old", imported.prefix),
    ]


def test_bans_have_events(db: None, log: Log) -> None:
    BannedIP.objects.ban_by_hand("203.0.113.9", timedelta(hours=1), "by hand", by="anna")
    BannedIP.objects.all().lift(by="bo")
    names = ("event", "network", "user")
    assert [tuple(line[name] for name in names) for line in log()] == [
        ("ban.started", "203.0.113.9", "anna"),
        ("ban.lifted", "203.0.113.9", "bo"),
    ]


def test_a_failed_attempt_has_an_event(api: Api, log: Log) -> None:
    api.post("/api/queue", {}, X_API_Key="wrong")
    (event,) = log("attempt.failed")
    assert (event["reason"], event["client_ip"]) == ("unknown", "127.0.0.1")
    assert (event["method"], event["path"]) == ("POST", "/api/queue")


def test_logins_have_events(client: Any, db: None, log: Log) -> None:
    User.objects.create_user("anna", password="right", is_staff=True)
    for username, password in (("anna", "wrong"), ("anna", "right"), ("unknown", "x")):
        client.logout()
        client.post("/admin/login/", {"username": username, "password": password})
    events = [(line["event"], line["user"]) for line in log() if line["event"] != "log"]
    assert sorted(events) == [
        ("login.failed", "anna"),
        ("login.failed", "unknown name"),
        ("login.succeeded", "anna"),
    ]


def test_the_page_of_an_item_is_viewed(sign_in: SignIn, log: Log) -> None:
    viewed, client = item(data="x"), sign_in("Viewers")
    client.get(f"/admin/queues/queueitem/{viewed.pk}/change/")
    (event,) = log("item.viewed")
    assert (event["user"], event["id"]) == ("anna", str(viewed.pk))


def test_the_history_of_an_item_is_viewed(sign_in: SignIn, log: Log) -> None:
    viewed = item(data="x")
    sign_in("Viewers").get(f"/admin/queues/queueitem/{viewed.pk}/history/")
    assert [event["id"] for event in log("item.viewed")] == [str(viewed.pk)]


def test_changes_of_users_are_events(sign_in: SignIn, log: Log) -> None:
    ben, client = User.objects.create_user("ben"), sign_in()
    page = client.get(f"/admin/auth/user/{ben.pk}/change/")
    client.post(page.request["PATH_INFO"], {**form_in(page, "username"), "role": "superuser"})
    new = {"password1": "correct horse battery", "password2": "correct horse battery"}
    client.post(f"/admin/auth/user/{ben.pk}/password/", {"usable_password": "true", **new})
    events = [(event["event"], event["user"], event["name"]) for event in log() if "name" in event]
    assert events == [("user.changed", "anna", "ben")] * 2


def test_a_change_that_is_rolled_back_is_no_event(db: None, log: Log) -> None:
    with suppress(IntegrityError), transaction.atomic():
        ApiKey.objects.issue("ERP", lifetime=None)
        raise IntegrityError
    assert log() == []


def test_the_form_of_an_item_like_another_views_that(sign_in: SignIn, log: Log) -> None:
    viewed = item(data="x")
    sign_in("Operators").get(f"/admin/queues/queueitem/add/?like={viewed.pk}")
    assert [event["id"] for event in log("item.viewed")] == [str(viewed.pk)]


def test_an_export_has_its_count(sign_in: SignIn, log: Log) -> None:
    export(sign_in("Viewers"), item(), item())
    assert [(event["user"], event["count"]) for event in log("items.exported")] == [("anna", 2)]


@pytest.mark.parametrize("path", ["add/", "{}/change/"])
def test_a_change_of_a_client_has_an_event(sign_in: SignIn, log: Log, path: str) -> None:
    erp = Client.objects.with_name_or_new("ERP")
    client = sign_in()
    page = f"/admin/security/client/{path.format(erp.pk)}"
    before = len(log("client.changed"))
    client.post(page, form_in(client.get(page), "queues") | {"name": "New", "queues": "q"})
    (event,) = log("client.changed")[before:]
    assert (event["user"], event["client"]) == ("anna", "New")


def test_an_event_of_a_command_has_the_acting_user(db: None, log: Log) -> None:
    Context().run(run, "create_api_key", "ERP")  # no request before, as in another process
    (event,) = log("key.created")
    assert (event["user"], "request_id" in event) == (acting_user(), False)


def test_events_have_no_line_in_the_other_format(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    ApiKey.objects.get().revoke()
    api.get("/api/docs")
    assert caplog.records == []


# What is in no line.


def test_a_query_in_a_message_is_left_out(log: Log) -> None:
    text = "Not at https://a.example/admin/?q=%s b"
    logging.getLogger("django").warning(text, 'private"1')
    assert log()[0]["message"] == "Not at https://a.example/admin/?"


def test_a_refused_referer_is_left_out(log: Log) -> None:
    text = "Forbidden (Referer checking failed - %s does not match any trusted origins.): /admin/"
    logging.getLogger("django.security.csrf").warning(text, 'https://a.example/a "b?q=private')
    assert log()[0]["message"] == "Forbidden (Referer checking failed - "


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
