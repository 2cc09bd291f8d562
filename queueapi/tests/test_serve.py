"""manage.py serve as a process."""

import json
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from queueapi.tests.helpers import TIMEOUT, Serve, Server, manage
from queues.models import QueueItem
from security.models import ApiKey

JSON = {"Content_Type": "application/json"}

# Tests of a shared server all ask for `transactional_db`, if only by way of `key`: pytest-django
# runs the others apart, with another server.


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


@pytest.fixture(scope="module")
def limited_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that accepts bodies of 1000 bytes."""
    with Server(tmp_path_factory.mktemp("limited") / "log", MAX_REQUEST_BYTES="1000") as server:
        yield server


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_it_works(shared_server: Server, key: str) -> None:
    response, body = shared_server.request(
        "POST", "/api/queue", b'{"queue_name": "q"}', X_API_Key=key, **JSON
    )
    assert response.status == 201
    assert json.loads(body) == {"success": True, "id": str(QueueItem.objects.get().pk)}
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["Server"] is None


def test_the_port_comes_from_http_platform_port(serve: Serve) -> None:
    port = free_port()
    server = serve("--host", "127.0.0.1", HTTP_PLATFORM_PORT=str(port))
    assert server.port == port


def test_the_port_option_takes_precedence_over_http_platform_port(serve: Serve) -> None:
    port = free_port()
    server = serve("--port", str(port), HTTP_PLATFORM_PORT="1")
    assert server.port == port


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = manage("serve", "--port", str(port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"CommandError: Can't listen on 127.0.0.1, port {port}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.filterwarnings("ignore:send_bytes will be removed")
@pytest.mark.parametrize(
    "arguments", [("--port", "65536"), ("--port", "-1"), ("--threads", "0"), ("--host", "no.host")]
)
def test_an_invalid_option_is_one_sentence(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"^[^\n]+$"):
        call_command("serve", *arguments)


@pytest.mark.skipif(sys.platform == "win32", reason="closes a descriptor by way of sh")
def test_a_closed_stdout_does_not_stop_the_server(serve: Serve) -> None:
    server = serve(PYTHONUNBUFFERED="")  # or nothing is left for Python to flush at its end
    server.stdout.close()
    assert server.request("GET", "/nothing")[0].status == 404
    server.signal_stop()
    assert server.process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops by Ctrl-Break, see below")
def test_a_stop_signal_ends_the_server_without_log_lines(serve: Serve, name: str) -> None:
    server = serve()
    server.process.send_signal(getattr(signal, name))
    assert server.process.wait(TIMEOUT) == 0
    assert server.stdout.read() == "Queue API has stopped.\n"
    assert server.log.read_text() == ""


def test_ctrl_break_on_windows_and_sigterm_elsewhere_end_the_server(serve: Serve) -> None:
    assert serve().stop() == 0


def test_a_stop_under_load_stores_exactly_the_items_with_a_201(serve: Serve, key: str) -> None:
    server = serve()
    stored: list[str] = []
    enough = threading.Event()

    def push_until_the_server_stops() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with closing(connection):
            while True:
                try:
                    connection.request("POST", "/api/queue", b'{"queue_name": "q"}', headers)
                    response = connection.getresponse()
                except OSError:
                    return
                assert response.status == 201
                stored.append(json.loads(response.read())["id"])
                if len(stored) > 50:
                    enough.set()

    pushers = [threading.Thread(target=push_until_the_server_stops) for _ in range(8)]
    for pusher in pushers:
        pusher.start()
    assert enough.wait(TIMEOUT)
    assert server.stop() == 0
    for pusher in pushers:
        pusher.join()

    assert sorted(stored) == sorted(
        str(pk) for pk in QueueItem.objects.values_list("pk", flat=True)
    )


def test_sixteen_concurrent_clients_get_201(serve: Serve, key: str) -> None:
    server = serve("--port", "0", "--threads", "8")

    def push(number: int) -> int:
        body = b'{"queue_name": "q"}'
        response, _ = server.request("POST", "/api/queue", body, X_API_Key=key, **JSON)
        return response.status

    with ThreadPoolExecutor(16) as clients:
        assert set(clients.map(push, range(320))) == {201}
    assert QueueItem.objects.count() == 320


def test_a_killed_server_has_stored_an_item_with_a_201(serve: Serve, key: str) -> None:
    server = serve()
    _, body = server.request("POST", "/api/queue", b'{"queue_name": "q"}', X_API_Key=key, **JSON)
    server.process.kill()
    assert str(QueueItem.objects.get().pk) == json.loads(body)["id"]


def test_a_body_just_over_the_limit_is_a_413_with_our_json(
    limited_server: Server, key: str
) -> None:
    response, body = limited_server.request(
        "POST", "/api/queue", b" " * 1001, X_API_Key=key, **JSON
    )
    assert response.status == 413
    assert json.loads(body) == {
        "success": False,
        "error": "The body is larger than this server accepts.",
    }


def test_a_body_far_over_the_limits_is_a_413(serve: Serve, key: str) -> None:
    server = serve(MAX_REQUEST_BYTES="1000", MAX_BULK_BYTES="1000")
    response, _ = server.request("POST", "/api/queue", b" " * 100_000, X_API_Key=key, **JSON)
    assert response.status == 413


def test_a_chunked_body_over_the_limit_is_a_413(limited_server: Server, key: str) -> None:
    with closing(HTTPConnection("127.0.0.1", limited_server.port, timeout=TIMEOUT)) as connection:
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        chunks = iter([b" " * 600, b" " * 600])
        connection.request("POST", "/api/queue", chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_a_bulk_may_exceed_max_request_bytes(limited_server: Server, key: str) -> None:
    body = b'{"items": [{"queue_name": "q"}]}'.ljust(200_000)
    response, _ = limited_server.request("POST", "/api/queue/bulk", body, X_API_Key=key, **JSON)
    assert response.status == 201


def test_max_request_bytes_may_exceed_max_bulk_bytes(serve: Serve, key: str) -> None:
    server = serve(MAX_REQUEST_BYTES="200000", MAX_BULK_BYTES="1000")
    body = b'{"queue_name": "q"}'.ljust(200_000)
    response, _ = server.request("POST", "/api/queue", body, X_API_Key=key, **JSON)
    assert response.status == 201


def test_a_body_at_the_limit_is_accepted(limited_server: Server, key: str) -> None:
    body = b'{"queue_name": "q"}'.ljust(1000)
    response, _ = limited_server.request("POST", "/api/queue", body, X_API_Key=key, **JSON)
    assert response.status == 201


def test_a_chunked_body_is_accepted(shared_server: Server, key: str) -> None:
    with closing(HTTPConnection("127.0.0.1", shared_server.port, timeout=TIMEOUT)) as connection:
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        chunks = iter([b'{"queue_', b'name": "q"}'])
        connection.request("POST", "/api/queue", chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; a*=nonsense''x",
        "application/json; charset*=nonsense''x",
        "application/\xe6\xf8\xe5",
        'application/json; a="' + ";" * 30_000,
    ],
)
def test_a_content_type_that_django_cannot_parse_is_a_415(
    shared_server: Server, key: str, content_type: str
) -> None:
    response, body = shared_server.request(
        "POST", "/api/queue", b"{}", X_API_Key=key, Content_Type=content_type
    )
    assert response.status == 415
    assert json.loads(body)["success"] is False


CHARSETS = ["utf-8", "utf-16", "idna", "rot13", "undefined", "bz2", "unicode_escape", "nonsense"]
QUERIES = ["", "?a=1", "?x=%ff", "?a=%00", "?" + "&".join("a" * 1001)]


def test_charset_and_query_of_a_push_are_ignored(shared_server: Server, key: str) -> None:
    for charset in CHARSETS:
        for query in QUERIES:
            content_type = f"application/json; charset={charset}"
            body = b'{"queue_name": "q"}'
            response, _ = shared_server.request(
                "POST", f"/api/queue{query}", body, X_API_Key=key, Content_Type=content_type
            )
            assert response.status == 201, (charset, query)


def test_no_charset_of_a_form_is_a_500(shared_server: Server, transactional_db: None) -> None:
    for charset in CHARSETS:
        for query in QUERIES:
            content_type = f"application/x-www-form-urlencoded; charset={charset}"
            for method in ("GET", "POST"):
                response, _ = shared_server.request(
                    method, f"/admin/login/{query}", b"a=%ff", Content_Type=content_type
                )
                assert response.status < 500, (method, charset, query)


@pytest.mark.parametrize("wrong", ["x" * 5000, "n\xf8gle", "\xff\xfe"])
def test_a_hostile_key_is_a_401(shared_server: Server, transactional_db: None, wrong: str) -> None:
    response, body = shared_server.request("POST", "/api/queue", b"{}", X_API_Key=wrong, **JSON)
    assert response.status == 401
    assert json.loads(body)["success"] is False


def test_https_sends_hsts_and_does_not_redirect(
    https_server: Server, transactional_db: None
) -> None:
    response, _ = https_server.request("POST", "/api/queue", b"{}", **JSON)
    assert response.status == 401
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_https_makes_the_cookies_of_the_admin_secure(
    https_server: Server, transactional_db: None
) -> None:
    response, _ = https_server.request("GET", "/admin/login/")
    assert response.status == 200
    assert "; Secure" in response.headers["Set-Cookie"]


def test_https_is_on_by_default(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTPS")
    response, _ = serve().request("GET", "/admin/login/")
    assert response.headers["Strict-Transport-Security"]


def test_static_files_of_the_admin_are_served(
    shared_server: Server, transactional_db: None
) -> None:
    response, body = shared_server.request("GET", "/static/admin/css/base.css")
    assert response.status == 200
    assert b"--primary" in body


def test_a_request_is_a_500_while_the_database_is_down(serve: Serve, tmp_path: Path) -> None:
    server = serve(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/db.sqlite3")
    response, body = server.request("POST", "/api/queue", b"{}", X_API_Key="x", **JSON)
    assert response.status == 500
    assert json.loads(body)["success"] is False
    assert b"sqlite" not in body.lower()
    log = server.log.read_text()
    assert "OperationalError" in log
    assert f"[{response.headers['X-Request-ID']}]" in log
