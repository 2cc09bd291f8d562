"""X-Request-ID in responses and in the log."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import NoReturn

import pytest

from queueapi.tests.helpers import Api
from queueapi.wsgi import Handler
from security.request_id import RequestContextFilter

pytestmark = pytest.mark.django_db


def request_id(api: Api, **headers: str) -> str:
    return api.post("/api/queue", {"queue_name": "q"}, **headers)["X-Request-ID"]


def test_it_works(api: Api) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", request_id(api))


def test_each_request_has_another_id(api: Api) -> None:
    assert request_id(api) != request_id(api)


@pytest.mark.parametrize("sent", ["a", "trace-7_1.b", "x" * 128])
def test_an_accepted_id_is_kept(api: Api, sent: str) -> None:
    assert request_id(api, X_Request_ID=sent) == sent


@pytest.mark.parametrize(
    "sent",
    ["", "x" * 129, "a b", "a\n", "a\nb", "a\r\nSet-Cookie: x", "æ", "é", "a;b", '"', "\u0661"],
)
def test_any_other_id_is_replaced(api: Api, sent: str) -> None:
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
def test_every_response_has_an_id(api: Api, path: str, headers: dict[str, str]) -> None:
    response = api.post(path, {}, X_Request_ID="find-me", **headers)
    assert response["X-Request-ID"] == "find-me"


def test_log_lines_have_the_id(api: Api) -> None:
    with capture("django.request") as lines:
        api.post("/api/queue", b"no JSON", X_Request_ID="find-me")
    assert lines == ["[find-me] Bad Request: /api/queue"]


def test_a_message_is_escaped_to_one_line() -> None:
    with capture("waitress") as lines:
        logging.getLogger("waitress").warning(
            "serving %s", "/x\n2026-11-24 Banned\x1b[2J\u2028\x85"
        )
    assert lines == [f"[{context()[1]}] serving /x\\n2026-11-24 Banned\\x1b[2J\\u2028\\x85"]


def test_a_failure_before_any_middleware_is_logged_with_its_client_ip_and_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Handler, "request_class", None)
    environ = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_REQUEST_ID": "find-me"}
    with pytest.raises(TypeError):
        Handler()(environ, start_response)
    assert context() == ("203.0.113.9", "find-me")


def start_response(*_: object) -> NoReturn:
    raise AssertionError("No response is expected.")


def context() -> tuple[str, str]:
    """Return the client IP and the request id that a log record gets."""
    record = logging.makeLogRecord({})
    RequestContextFilter().filter(record)
    return vars(record)["client"], vars(record)["request_id"]


@contextmanager
def capture(name: str) -> Iterator[list[str]]:
    """List the messages of a logger, with their request ids."""
    lines: list[str] = []
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("[{request_id}] {message}", style="{"))
    handler.addFilter(RequestContextFilter())
    logging.getLogger(name).addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger(name).removeHandler(handler)
        lines += stream.getvalue().splitlines()
