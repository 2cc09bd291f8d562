"""deploy/smoke_test.py as a process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.conf import settings

from queueapi.tests.helpers import Serve
from security.models import BannedIP, FailedAttempt

SCRIPT = str(settings.BASE_DIR / "deploy" / "smoke_test.py")


def smoke_test(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def failure(*arguments: str) -> str:
    """Run it, expecting a failure, and return its one line of stderr."""
    result = smoke_test(*arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_it_works(serve: Serve) -> None:
    server = serve(ALLOWED_HOSTS="queue.example.org")
    url = f"http://queue.example.org:{server.port}"
    result = smoke_test(url, "--connect", "127.0.0.1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{url} works.\n"
    assert not FailedAttempt.objects.exists()


def test_a_host_outside_allowed_hosts_fails(serve: Serve) -> None:
    server = serve()
    url = f"http://queue.example.org:{server.port}"
    assert "not in ALLOWED_HOSTS" in failure(url, "--connect", "127.0.0.1")


def test_an_unreadable_database_fails(serve: Serve, tmp_path: Path) -> None:
    server = serve(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/db.sqlite3")
    assert "can't read its database" in failure(f"http://127.0.0.1:{server.port}")


def test_a_ban_of_this_machine_fails(serve: Serve) -> None:
    BannedIP.objects.ban_by_hand("127.0.0.1", settings.BAN_DURATION, "test", by="test")
    assert "unban_ip" in failure(f"http://127.0.0.1:{serve().port}")


def test_a_closed_port_fails() -> None:
    assert "does not respond" in failure("http://127.0.0.1:1")


@pytest.fixture
def other_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Start an HTTP server that sends one status and a page, and return its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("other_server", [502], indirect=True)
def test_a_502_means_that_the_process_did_not_start(other_server: str) -> None:
    assert "the process did not start" in failure(other_server)


@pytest.mark.parametrize("other_server", [200, 404], indirect=True)
def test_a_page_of_another_server_fails(other_server: str) -> None:
    assert "a proxy replaced the response" in failure(other_server)
