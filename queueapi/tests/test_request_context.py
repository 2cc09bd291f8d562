"""X-Request-ID: in every answer and in the log."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from queueapi.request_context import RequestContextFilter

pytestmark = pytest.mark.django_db


def request_id(api, **headers: str) -> str:
    return api.post("/api/queue", {"queue_name": "q"}, **headers)["X-Request-ID"]


def test_it_works(api):
    assert re.fullmatch(r"[0-9a-f]{32}", request_id(api))


def test_each_request_has_its_own(api):
    assert request_id(api) != request_id(api)


@pytest.mark.parametrize("sent", ["a", "trace-7_1.b", "x" * 128])
def test_a_sane_one_is_kept(api, sent):
    assert request_id(api, X_Request_ID=sent) == sent


@pytest.mark.parametrize(
    "sent",
    ["", "x" * 129, "a b", "a\n", "a\nb", "a\r\nSet-Cookie: x", "æ", "é", "a;b", '"', "\u0661"],
)
def test_any_other_is_replaced(api, sent):
    assert re.fullmatch(r"[0-9a-f]{32}", request_id(api, X_Request_ID=sent))


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/nothing", {}),
        ("/api/queue", {"X_API_Key": "wrong"}),
        ("/api/queue", {"Host": "evil.example.org"}),
        ("/api/queue", {"Content_Type": "text/plain"}),
        ("/static/nothing.css", {}),
        ("/admin/", {}),
    ],
)
def test_every_answer_has_one(api, path, headers):
    response = api.post(path, {}, X_Request_ID="find-me", **headers)
    assert response["X-Request-ID"] == "find-me"


def test_the_log_has_it(api):
    with capture("django.request") as lines:
        api.post("/api/queue", b"no JSON", X_Request_ID="find-me")
    assert lines == ["[find-me] Bad Request: /api/queue"]


def test_a_message_stays_one_line():
    with capture("waitress") as lines:
        logging.getLogger("waitress").warning(
            "serving %s", "/x\n2026-11-24 Banned\x1b[2J\u2028\x85"
        )
    assert lines == [f"[{mark()}] serving /x\\n2026-11-24 Banned\\x1b[2J\\u2028\\x85"]


def mark() -> str:
    record = logging.makeLogRecord({})
    RequestContextFilter().filter(record)
    return record.request_id


@contextmanager
def capture(name: str) -> Iterator[list[str]]:
    """The lines that a logger writes meanwhile, with their request ids."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.addFilter(RequestContextFilter())
    handler.emit = lambda record: lines.append(f"[{record.request_id}] {record.getMessage()}")
    logging.getLogger(name).addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger(name).removeHandler(handler)
