"""How a stop treats requests that are under way."""

import signal
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals to one process alone are POSIX"
)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def slow_server():
    with subprocess.Popen(
        [sys.executable, "-m", "queueapi.tests.slow_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def connect(process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(process.stdout.readline())), timeout=30)


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def wait_until_it_stops_listening(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionResetError:
            continue  # it was in the queue when the door closed
        except ConnectionRefusedError:
            return


def test_a_request_under_way_is_answered_in_full(slow_server):
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
    assert slow_server.wait(timeout=30) == 0


def test_a_request_that_is_half_sent_is_read_to_its_end(slow_server):
    with connect(slow_server) as connection:
        connection.sendall(REQUEST[:10])
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        connection.sendall(REQUEST[10:])
        slow_server.stdin.write("go on\n")
        slow_server.stdin.flush()
        assert received(connection).endswith(b"x" * 10_000)
    assert slow_server.wait(timeout=30) == 0


def test_an_idle_connection_does_not_hold_it_up(slow_server):
    with connect(slow_server) as connection:
        slow_server.send_signal(signal.SIGTERM)
        assert received(connection) == b""
    assert slow_server.wait(timeout=30) == 0


def test_a_second_signal_does_not_wait(slow_server):
    with connect(slow_server) as connection:
        connection.sendall(REQUEST)
        assert slow_server.stdout.readline() == "request is under way\n"
        slow_server.send_signal(signal.SIGTERM)
        wait_until_it_stops_listening(connection.getpeername()[1])
        slow_server.send_signal(signal.SIGTERM)
        assert slow_server.wait(timeout=30) == 0
