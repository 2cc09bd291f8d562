"""ACCEPT_ANY_CONTENT_TYPE: JSON is read under any Content-Type except multipart."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from queueapi.tests.helpers import TIMEOUT, Api, Server
from queues.models import QueueItem
from queues.views import QueueItemBulkViewSet
from security.models import ApiKey, FailedAttempt
from triggers.tests.helpers import single

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
ANY = [
    "",
    "*/*",
    "text/plain",
    "text/plain; charset=iso-8859-1",
    "application/xml",
    "application/json, text/plain",
    "nonsense",
    ";;;",
    "multipart",
    FORM,
    f"{FORM}; charset=utf-8",
    f"{FORM}; charset=utf-16",
    f"{FORM}; charset=rot13",
    f"{FORM}; charset=undefined",
    f"{FORM}; charset=nonsense",
    f'{FORM}; charset="',
]
MULTIPART = ["multipart/form-data; boundary=x", "Multipart/Mixed", "multipart/", " multipart/x;a=b"]
TOO_LARGE = "The body is larger than this server accepts."


@pytest.fixture
def accept_any(settings: Settings) -> None:
    settings.ACCEPT_ANY_CONTENT_TYPE = True


def bodies() -> dict[str, dict[str, Any]]:
    """Return a valid body for each endpoint that reads one."""
    single(trigger_name="t")
    return {
        "/api/queue": {"queue_name": "q"},
        "/api/queue/bulk": {"items": [{"queue_name": "q"}]},
        "/api/trigger": {"trigger_name": "t"},
    }


def error(api: Api, body: bytes, content_type: str, path: str = "/api/queue") -> tuple[int, Any]:
    response = api.post(path, body, Content_Type=content_type)
    return response.status_code, response.json()


@pytest.mark.usefixtures("accept_any")
@pytest.mark.parametrize("content_type", ANY)
def test_it_works(api: Api, content_type: str) -> None:
    for path, body in bodies().items():
        response = api.post(path, body, Content_Type=content_type)
        assert response.status_code in (200, 201), path
        assert response.json()["success"] is True


@pytest.mark.parametrize("content_type", ANY)
def test_it_is_off_by_default(api: Api, content_type: str) -> None:
    for path, body in bodies().items():
        assert api.post(path, body, Content_Type=content_type).status_code == 415, path


@pytest.mark.usefixtures("accept_any")
@pytest.mark.parametrize("content_type", MULTIPART)
def test_multipart_is_a_415_that_says_what_to_send(api: Api, content_type: str) -> None:
    for path, body in bodies().items():
        response = api.post(path, body, Content_Type=content_type)
        assert response.status_code == 415, path
        assert "send JSON, with the header Content-Type: application/json" in str(response.json())


# Errors are those of a body with Content-Type: application/json.


@pytest.mark.usefixtures("accept_any")
@pytest.mark.parametrize("content_type", [FORM, "text/plain", ""])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"queue_name=q", b"&".join([b"a=b"] * 2000), b"[]", b"\xff", b'{"status": 1}'],
)
def test_an_invalid_body_is_the_same_400(api: Api, body: bytes, content_type: str) -> None:
    expected = error(api, body, "application/json")
    assert expected[0] == 400
    assert error(api, body, content_type) == expected


@pytest.mark.usefixtures("accept_any")
@pytest.mark.parametrize("content_type", [FORM, "text/plain", ""])
def test_a_body_over_the_limit_is_a_413(
    api: Api, settings: Settings, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_REQUEST_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    monkeypatch.setattr(QueueItemBulkViewSet, "max_bytes", 2000)
    for path, limit in ("/api/queue", 1000), ("/api/trigger", 1000), ("/api/queue/bulk", 2000):
        response = api.post(path, b" " * (limit + 1), Content_Type=content_type)
        assert response.status_code == 413, path
        assert response.json() == {"success": False, "error": TOO_LARGE}


@pytest.mark.usefixtures("accept_any")
def test_a_bulk_may_be_larger_than_a_form(api: Api, settings: Settings) -> None:
    settings.MAX_REQUEST_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps({"items": [{"queue_name": "q"}]}).ljust(1001).encode()
    assert api.post("/api/queue/bulk", body, Content_Type=FORM).status_code == 201


@pytest.mark.usefixtures("accept_any")
def test_the_content_type_is_no_part_of_the_input_of_an_idempotency_key(api: Api) -> None:
    first = api.post("/api/queue", {"queue_name": "q"}, Idempotency_Key="k")
    second = api.post("/api/queue", {"queue_name": "q"}, Idempotency_Key="k", Content_Type=FORM)
    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"


# A web page can make a browser send forms and text/plain, but not X-API-Key.


@pytest.mark.usefixtures("accept_any")
@pytest.mark.parametrize("content_type", [FORM, "text/plain"])
def test_a_form_of_another_site_gets_401_and_does_not_count(api: Api, content_type: str) -> None:
    for _ in range(6):
        response = api.client.generic(
            "POST",
            "/api/queue",
            b'{"queue_name": "q", "x": "="}',
            content_type,
            headers={"Origin": "https://other.example.org"},
        )
        assert response.status_code == 401
    assert not FailedAttempt.objects.exists()
    assert not QueueItem.objects.exists()


@pytest.mark.usefixtures("accept_any")
def test_a_key_in_a_form_is_no_key(api: Api) -> None:
    body = f"X-API-Key={api.key}&queue_name=q".encode()
    response = api.client.generic("POST", f"/api/queue?X-API-Key={api.key}", body, FORM)
    assert response.status_code == 401


# Real servers.


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    with Server(log, ACCEPT_ANY_CONTENT_TYPE="on") as server:
        yield server


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


def test_a_request_without_a_content_type_is_read(server: Server, key: str) -> None:
    response, _ = server.request("POST", "/api/queue", b'{"queue_name": "q"}', X_API_Key=key)
    assert response.status == 201


def test_charset_and_query_of_a_form_are_ignored(server: Server, key: str) -> None:
    for charset in ["utf-8", "utf-16", "idna", "rot13", "undefined", "bz2", "nonsense"]:
        for query in ["", "?a=1", "?x=%ff", "?a=%00", "?" + "&".join("a" * 1001)]:
            response, _ = server.request(
                "POST",
                f"/api/queue{query}",
                b'{"queue_name": "q"}',
                X_API_Key=key,
                Content_Type=f"{FORM}; charset={charset}",
            )
            assert response.status == 201, (charset, query)


@pytest.mark.parametrize(
    "content_type",
    [f"{FORM}; a*=nonsense''x", "text/\xe6\xf8\xe5", f'{FORM}; a="' + ";" * 30_000, "\xff"],
)
def test_a_malformed_content_type_is_ignored(server: Server, key: str, content_type: str) -> None:
    response, _ = server.request(
        "POST", "/api/queue", b'{"queue_name": "q"}', X_API_Key=key, Content_Type=content_type
    )
    assert response.status == 201


def test_a_chunked_form_is_read(server: Server, key: str) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)) as connection:
        headers = {"X-API-Key": key, "Content-Type": FORM}
        chunks = iter([b'{"queue_', b'name": "q"}'])
        connection.request("POST", "/api/queue", chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 201


def test_a_request_of_windows_powershell_is_read(server: Server, key: str) -> None:
    body = b'{"queue_name": "q"}'
    head = (
        "POST /api/queue HTTP/1.1\r\n"
        "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; da-DK) WindowsPowerShell/5.1\r\n"
        f"Content-Type: {FORM}\r\nX-API-Key: {key}\r\nHost: 127.0.0.1\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as connection:
        connection.sendall(head.encode())
        stream = connection.makefile("rb")
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.sendall(body)
        assert b"HTTP/1.1 201 " in stream.read()


def test_a_large_bulk_as_a_form_is_read(server: Server, key: str) -> None:
    body = b'{"items": [{"queue_name": "q"}]}'.ljust(django_settings.MAX_BULK_BYTES)
    sent = {"X_API_Key": key, "Content_Type": FORM}
    assert server.request("POST", "/api/queue/bulk", body, **sent)[0].status == 201
    assert server.request("POST", "/api/queue/bulk", body + b" ", **sent)[0].status == 413


def test_a_multipart_body_is_a_415(server: Server, key: str) -> None:
    response, _ = server.request(
        "POST", "/api/queue", b"{}", X_API_Key=key, Content_Type="multipart/form-data; boundary=x"
    )
    assert response.status == 415
