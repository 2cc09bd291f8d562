"""The server's shutdown, its limits for slow clients, and its own errors."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from queueapi.server.channels import CROWDED, Channel
from queueapi.tests.helpers import TIMEOUT, Serve, Server, wait_until_port_closes
from queues.models import QueueItem
from security.models import ApiKey

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals to one process alone are POSIX"
)

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEALTH_REQUEST = REQUEST.replace(b"/ ", b"/readyz ", 1)


@pytest.fixture
def key(transactional_db: None) -> str:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    return key


class SlowServer:
    """`slow_server` as a process, and what a test does with it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = int(self.read_line())

    def read_line(self) -> str:
        assert self.process.stdout
        line: str = self.process.stdout.readline()
        return line

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def wait_until_in_work(self) -> None:
        assert self.read_line() == "in work\n"

    def finish_response(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def stop(self, *signals: signal.Signals) -> None:
        """Send the signals, and wait until the port is closed."""
        for each in signals:
            self.process.send_signal(each)
        wait_until_port_closes(self.port)

    def wait(self) -> int:
        return self.process.wait(timeout=30)


@pytest.fixture
def slow_server(request: pytest.FixtureRequest) -> Iterator[SlowServer]:
    """A slow server; its limit in seconds is the fixture's parameter."""
    with subprocess.Popen(
        [sys.executable, "-m", "queueapi.server.tests.slow_server", *getattr(request, "param", [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield SlowServer(process)
        process.kill()


def received(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


# Shutdown


@pytest.mark.parametrize("request_", [REQUEST, HEALTH_REQUEST])
def test_request_in_work_is_answered_in_full(slow_server: SlowServer, request_: bytes) -> None:
    with slow_server.connect() as connection:
        connection.sendall(request_)
        slow_server.wait_until_in_work()
        slow_server.stop(signal.SIGTERM)
        slow_server.finish_response()
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 200 OK")
    assert response.endswith(b"x" * 10_000)
    assert slow_server.wait() == 0


def test_incomplete_request_is_read_and_answered(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        connection.sendall(REQUEST[:10])
        slow_server.stop(signal.SIGTERM)
        connection.sendall(REQUEST[10:])
        slow_server.finish_response()
        assert received(connection).endswith(b"x" * 10_000)
    assert slow_server.wait() == 0


def test_request_after_the_signal_is_not_handled(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection, slow_server.connect() as late:
        connection.sendall(REQUEST[:10])
        slow_server.stop(signal.SIGTERM)
        # Work that begins after the port was closed shows that no other request is read any more.
        connection.sendall(REQUEST[10:])
        slow_server.wait_until_in_work()
        late.sendall(REQUEST)
        slow_server.finish_response()
        assert received(connection).endswith(b"x" * 10_000)
        with suppress(ConnectionResetError):
            assert received(late) == b""
    assert slow_server.wait() == 0
    assert slow_server.read_line() == ""


def test_idle_connection_does_not_delay_the_shutdown(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        slow_server.process.send_signal(signal.SIGTERM)
        assert received(connection) == b""
    assert slow_server.wait() == 0


def test_second_signal_stops_at_once(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        connection.sendall(REQUEST)
        slow_server.wait_until_in_work()
        slow_server.stop(signal.SIGTERM)
        slow_server.process.send_signal(signal.SIGTERM)
        assert slow_server.wait() == 0


def test_two_different_signals_are_one_shutdown(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        connection.sendall(REQUEST)
        slow_server.wait_until_in_work()
        slow_server.stop(signal.SIGINT, signal.SIGTERM)
        slow_server.finish_response()
        assert received(connection).endswith(b"x" * 10_000)
    assert slow_server.wait() == 0


# Health requests


def test_health_requests_need_no_thread_of_others(slow_server: SlowServer) -> None:
    with ExitStack() as open_connections:
        for path in (b"/ ", b"/ ", b"//readyz ", b"/healthz "):  # two threads are for `/`
            connection = open_connections.enter_context(slow_server.connect())
            connection.sendall(REQUEST.replace(b"/ ", path, 1))
            slow_server.wait_until_in_work()


def test_health_request_beside_many_that_wait_is_read(slow_server: SlowServer) -> None:
    with ExitStack() as open_connections:
        for _ in range(CROWDED + 10):
            open_connections.enter_context(slow_server.connect()).sendall(REQUEST)
        slow_server.wait_until_in_work()
        slow_server.wait_until_in_work()
        health = open_connections.enter_context(slow_server.connect())
        health.sendall(HEALTH_REQUEST)
        slow_server.wait_until_in_work()


def test_other_requests_of_a_connection_need_no_thread_of_health_requests(
    slow_server: SlowServer,
) -> None:
    with slow_server.connect() as pipelined, slow_server.connect() as other:
        pipelined.sendall(HEALTH_REQUEST + REQUEST)
        slow_server.wait_until_in_work()
        slow_server.finish_response()
        slow_server.wait_until_in_work()  # of `/`
        other.sendall(HEALTH_REQUEST)
        slow_server.wait_until_in_work()


# Slow clients


SHORT_LIMITS = pytest.mark.parametrize("slow_server", [["0.2"]], indirect=True)


@SHORT_LIMITS
def test_incomplete_request_times_out(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        connection.sendall(REQUEST[:10])
        assert received(connection) == b""


@SHORT_LIMITS
def test_request_that_arrives_byte_by_byte_times_out(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection:
        assert 1 < send_bytes_until_closed(connection) < 1000


def send_bytes_until_closed(connection: socket.socket) -> int:
    """Send a byte every hundredth of a second; return how many were sent."""
    sent = 0
    try:
        while True:
            connection.sendall(b"x")
            sent += 1
            time.sleep(0.01)
    except ConnectionError:
        return sent


@SHORT_LIMITS
def test_slow_response_does_not_time_out(slow_server: SlowServer) -> None:
    with slow_server.connect() as connection, slow_server.connect() as incomplete:
        connection.sendall(REQUEST)
        slow_server.wait_until_in_work()
        incomplete.sendall(b"GET")
        assert received(incomplete) == b""  # so the channels have been cleaned up
        slow_server.finish_response()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def connect_again(connection: socket.socket) -> socket.socket:
    return socket.create_connection(connection.getpeername(), timeout=TIMEOUT)


def test_500_incomplete_requests_do_not_block_a_client(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "1")
    with ExitStack() as open_connections:
        for _ in range(500):
            half = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            open_connections.enter_context(half).sendall(b"POST /api/queue HTTP/1.1\r\nX: ")
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404


def test_incomplete_request_holds_no_thread(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "1")
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /api/queue HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404


def test_lack_of_file_descriptors_is_logged_once_and_ends(serve: Serve) -> None:
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


def test_unread_responses_to_pipelined_requests_do_not_block_a_client(serve: Serve) -> None:
    server = serve("--port", "0", "--threads", "4")
    request = b"GET /static/admin/js/vendor/xregexp/xregexp.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as open_connections:
        for _ in range(60):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            open_connections.enter_context(client).sendall(request * 80)
        response, _ = server.request("GET", "/nothing")
        assert response.status == 404
    assert server.stop() == 0


def test_two_pipelined_requests_are_both_answered(shared_server: Server) -> None:
    request = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = request.replace(b"Host", b"Connection: close\r\nHost")
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(request + last)
        assert received(client).count(b"There is nothing at this URL.") == 2


def test_pipelined_pushes_are_either_answered_or_not_stored(serve: Serve, key: str) -> None:
    server = serve()
    body = b'{"queue_name": "q"}'
    push = (
        b"POST /api/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"X-API-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        client.sendall(push * 10)
        responses = received(client)
    assert server.stop() == 0
    assert responses.count(b"201 Created") == QueueItem.objects.count() < 10
    assert responses.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    "ambiguous",
    [
        b"POST /nothing HTTP/1.1\r\nContent-Length: 5\r\n",
        b"POST /nothing HTTP/1.0\r\nConnection: keep-alive\r\n",
    ],
)
def test_ambiguous_body_closes_the_connection(shared_server: Server, ambiguous: bytes) -> None:
    rest = b"Host: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(ambiguous + rest + REQUEST)
        responses = received(client)
    assert responses.count(b"HTTP/1.") == 1
    assert b"Connection: close" in responses


@pytest.mark.parametrize("header", [b"X-Transfer-Encoding: x", b"X-A: transfer-encoding: x"])
def test_other_headers_keep_the_connection(shared_server: Server, header: bytes) -> None:
    first = b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(first + REQUEST)
        responses = received(client)
    assert responses.count(b"HTTP/1.") == 2


@pytest.mark.parametrize(
    "path",
    [
        b"/nothing",
        b"/admin/login/",
        b"/%b" % (b"x" * 9000),
        b"/ HTTP/1.1\r\nno header",
    ],
)
def test_response_to_head_has_no_body(shared_server: Server, path: bytes) -> None:
    head = b"HEAD %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=TIMEOUT) as client:
        client.sendall(head)
        response = received(client)
    assert b"\r\nContent-Length: " in response
    assert response.endswith(b"\r\n\r\n")
    assert response.count(b"\r\n\r\n") == 1


def test_body_that_can_not_be_buffered_gets_500(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = serve(TMPDIR=str(folder))
    large = b"x" * 600_000
    assert server.request("POST", "/nothing", large)[0].status == 404  # tempfile keeps the folder
    folder.rmdir()
    response, body = server.request("POST", "/nothing", large)
    assert response.status == 500
    assert json.loads(body)["success"] is False
    assert server.request("GET", "/nothing")[0].status == 404


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
def test_errors_of_waitress_are_json_with_security_headers(
    https_server: Server, request_: bytes, status: int
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


@pytest.mark.parametrize(
    ("seconds", "received_bytes", "expected"),
    [(29, 0, False), (31, 0, True), (31, 1024 * 1024, False), (61, 2 * 1024 * 1024 - 1, True)],
)
def test_large_request_has_more_time(seconds: int, received_bytes: int, expected: bool) -> None:
    channel: Any = SimpleNamespace(
        request=SimpleNamespace(body_bytes_received=received_bytes),
        last_request_at=time.monotonic() - seconds,
        requests=[],
        total_outbufs_len=0,
    )
    assert Channel.has_timed_out.fget(channel) is expected  # type: ignore[attr-defined]
