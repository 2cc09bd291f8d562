"""How the server treats slow clients, and requests that are under way when it stops."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from queueapi.tests.helpers import TIMEOUT, Serve, Server, wait_until_it_stops_listening
from queues.models import QueueItem
from security.models import ApiKey

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals to one process alone are POSIX"
)

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


@pytest.fixture
def slow_server(request: pytest.FixtureRequest):
    with subprocess.Popen(
        [sys.executable, "-m", "queueapi.server.tests.slow_server", *getattr(request, "param", [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def connect(process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(process.stdout.readline())), timeout=TIMEOUT)


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_request_under_way_is_answered_in_full(slow_server) -> None:
    with connect(slow_server) as connection:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"x" * 10_000)
    assert slow_server.wait(TIMEOUT) == 0


def test_a_request_that_is_half_sent_is_read_to_its_end(slow_server) -> None:
    with connect(slow_server) as connection:
        connection.sendall(REQUEST[:10])
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        connection.sendall(REQUEST[10:])
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        assert received(connection).endswith(b"x" * 10_000)
    assert slow_server.wait(TIMEOUT) == 0


def test_a_request_that_comes_after_the_signal_is_not_begun(slow_server) -> None:
    with connect(slow_server) as connection, connect_again(connection) as late:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        late.sendall(REQUEST)
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        assert received(connection).endswith(b"x" * 10_000)
        with suppress(ConnectionResetError):
            assert received(late) == b""
    assert slow_server.wait(TIMEOUT) == 0
    assert slow_server.stdout.read() == ""


def test_an_idle_connection_does_not_hold_it_up(slow_server) -> None:
    with connect(slow_server) as connection:
        slow_server.send_signal(signal.SIGTERM)
        assert received(connection) == b""
    assert slow_server.wait(TIMEOUT) == 0


def test_a_second_signal_does_not_wait(slow_server) -> None:
    with connect(slow_server) as connection:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        slow_server.send_signal(signal.SIGTERM)
        assert slow_server.wait(TIMEOUT) == 0


def test_two_kinds_of_signals_are_one_stop(slow_server) -> None:
    with connect(slow_server) as connection:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        slow_server.send_signal(signal.SIGINT)
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        assert received(connection).endswith(b"x" * 10_000)
    assert slow_server.wait(TIMEOUT) == 0


# Slow clients


@pytest.mark.parametrize("slow_server", [["0.2"]], indirect=True)
def test_a_request_that_takes_too_long_to_arrive_is_cut_off(slow_server: list[str]) -> None:
    with connect(slow_server) as connection:
        connection.sendall(REQUEST[:10])
        assert received(connection) == b""


@pytest.mark.parametrize("slow_server", [["0.2"]], indirect=True)
def test_a_request_that_drips_is_cut_off_too(slow_server: list[str]) -> None:
    with connect(slow_server) as connection:
        assert 1 < drip(connection) < 1000


def drip(connection: socket.socket) -> int:
    """How many bytes a client gets rid of, at a hundred a second."""
    sent = 0
    try:
        while True:
            connection.sendall(b"x")
            sent += 1
            time.sleep(0.01)
    except ConnectionError:
        return sent


@pytest.mark.parametrize("slow_server", [["0.2"]], indirect=True)
def test_an_answer_that_takes_its_time_is_not_cut_off(slow_server: list[str]) -> None:
    with connect(slow_server) as connection, connect_again(connection) as dripping:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        dripping.sendall(b"GET")
        assert received(dripping) == b""  # so the sweep has been here
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def connect_again(connection: socket.socket) -> socket.socket:
    return socket.create_connection(connection.getpeername(), timeout=TIMEOUT)


def test_five_hundred_half_sent_requests_do_not_keep_a_client_out(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "1")
    with ExitStack() as open_connections:
        for _ in range(500):
            half = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            open_connections.enter_context(half).sendall(b"POST /api/queue HTTP/1.1\r\nX: ")
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404


def test_a_half_sent_request_holds_no_thread(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "1")
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /api/queue HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404


def test_a_server_without_file_descriptors_says_so_once_and_goes_on(serve: Serve) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("needs prlimit, which Linux has")
    server = serve()
    pid = server.process.pid
    _, most = limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, most))
    with ExitStack() as open_connections:
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            open_connections.enter_context(client)
        while "accept()" not in server.log.read_text():
            time.sleep(0.01)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert server.request("GET", "/nothing")[0].status == 404
    assert server.log.read_text().count("accept()") == 1


def test_pipelined_requests_whose_answers_nobody_reads_keep_nobody_out(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "4")
    request = b"GET /static/admin/js/vendor/xregexp/xregexp.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as open_connections:
        for _ in range(60):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            open_connections.enter_context(client).sendall(request * 80)
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404
    assert server.stop() == 0


def test_two_requests_sent_at_once_are_both_answered(shared_server: Server) -> None:
    request = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = request.replace(b"Host", b"Connection: close\r\nHost")
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(request + last)
        assert received(client).count(b"There is nothing at this address.") == 2


def test_pushes_sent_ahead_are_either_answered_or_not_done(serve: Serve, key: str) -> None:
    server = serve()
    body = b'{"queue_name": "q"}'
    push = (
        b"POST /api/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(push * 10)
        answers = received(client)
    assert server.stop() == 0
    assert answers.count(b"201 Created") == QueueItem.objects.count() < 10
    assert answers.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    "ambiguous",
    [
        b"POST /nothing HTTP/1.1\r\nContent-Length: 5\r\n",
        b"POST /nothing HTTP/1.0\r\nConnection: keep-alive\r\n",
    ],
)
def test_a_body_that_can_be_read_in_two_ways_ends_its_connection(
    shared_server: Server, ambiguous: bytes
) -> None:
    rest = b"Host: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(ambiguous + rest + REQUEST)
        answers = received(client)
    assert answers.count(b"HTTP/1.") == 1
    assert b"Connection: close" in answers


@pytest.mark.parametrize(
    "path",
    [
        b"/nothing",
        b"/admin/login/",
        b"/%b" % (b"x" * 9000),
        b"/ HTTP/1.1\r\nno header",
    ],
)
def test_an_answer_to_head_has_no_body(shared_server: Server, path: bytes) -> None:
    head = b"HEAD %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(head)
        answer = received(client)
    assert b"\r\nContent-Length: " in answer
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1


def test_a_body_that_the_temporary_folder_can_not_hold_is_a_500(
    serve: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = serve(TMPDIR=str(folder))
    large = b"x" * 600_000
    assert server.request("POST", "/nothing", large)[0].status == 404  # it knows its folder now
    folder.rmdir()
    response, body = server.request("POST", "/nothing", large)
    assert response.status == 500
    assert json.loads(body)["success"] is False
    assert server.request("GET", "/nothing")[0].status == 404


@pytest.fixture(scope="module")
def https_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("https") / "log", HTTPS="on") as server:
        yield server


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX: ".ljust(32 * 1024, b"x"), 431),
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"%ff" * 10_000), 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000), 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (EXPECTING + b"Content-Length: %b\r\n\r\n" % (b"9" * 5000), 400),
        (EXPECTING + b"Content-Length: 9999999\r\n\r\n", 413),
        (CHUNKED + b"0\r\nX: ".ljust(9 * 1024, b"x"), 400),
        (CHUNKED + b"1;".ljust(9 * 1024, b"x"), 400),
    ],
)
def test_what_waitress_refuses_has_our_shape_and_headers(
    https_server: Server, request_: Any, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", https_server.port), timeout=TIMEOUT) as client:
        client.sendall(request_)
        head, _, body = received(client).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert set(json.loads(body)) == {"success", "error"}
    headers = {line.partition(b":")[0].lower() for line in head.splitlines()[1:]}
    assert headers >= {
        b"x-request-id",
        b"x-content-type-options",
        b"x-frame-options",
        b"referrer-policy",
        b"content-security-policy",
        b"strict-transport-security",
    }
