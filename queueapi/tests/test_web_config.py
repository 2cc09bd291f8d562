"""web.config: the process that IIS's httpPlatformHandler starts, and IIS's own settings."""

import json
import os
import re
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings

from queueapi.management.commands.serve import WAITRESS_MARGIN_BYTES
from queueapi.server.channels import REQUEST_SECONDS
from queueapi.tests.helpers import TIMEOUT, Server, database_url, wait_until_port_closes
from queues.models import QueueItem
from security.models import ApiKey, BannedIP, FailedAttempt

CLIENT = "10.1.2.3:51861"
NEIGHBOUR = "[2001:db8::1]:51760"


def find(parent: ET.Element, path: str) -> ET.Element:
    """Return the element at this path."""
    element = parent.find(path)
    assert element is not None, path
    return element


CONFIG = ET.parse(settings.BASE_DIR / "web.config").getroot()  # noqa: S314  ours
WEB_SERVER = find(CONFIG, "system.webServer")
PLATFORM = find(WEB_SERVER, "httpPlatform")
ENVIRONMENT = {
    variable.attrib["name"]: variable.attrib["value"]
    for variable in PLATFORM.iterfind("environmentVariables/environmentVariable")
}


class HttpPlatformHandler(Server):
    """A server that httpPlatformHandler starts, and that trusts its X-Forwarded-For."""

    def __init__(self, log: Path, env_file: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = str(taken.getsockname()[1])
        arguments = PLATFORM.attrib["arguments"].replace("%HTTP_PLATFORM_PORT%", port)
        self.start(
            log,
            [sys.executable, *arguments.split()],
            {
                # Only the variables that Windows gives every process.
                **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
                **ENVIRONMENT,
                "ENV_FILE": str(env_file),
                "HTTP_PLATFORM_PORT": port,
            },
        )
        assert self.port == int(port)

    def push(
        self, client: str, body: bytes = b'{"queue_name": "q"}', **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Send a POST to /api/queue as IIS does, and return the status and the JSON."""
        sent = {"Content_Type": "application/json", "X_Forwarded_For": client, **headers}
        response, content = self.request("POST", "/api/queue", body, **sent)
        assert response.headers["Server"] is None
        return response.status, json.loads(content)


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


@contextmanager
def started(folder: Path) -> Iterator[HttpPlatformHandler]:
    """Start the process of web.config on the test database."""
    env_file = folder / "queueapi.env"
    env_file.write_text(
        f"SECRET_KEY={secrets.token_urlsafe(50)}\n"
        "ALLOWED_HOSTS=127.0.0.1\n"
        "TRUSTED_PROXIES=127.0.0.1\n"
        f"DATABASE_URL={database_url()}\n",
        encoding="utf-8",
    )
    with HttpPlatformHandler(folder / "stdout.log", env_file) as server:
        yield server


@pytest.fixture
def iis(transactional_db: None, tmp_path: Path) -> Iterator[HttpPlatformHandler]:
    with started(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def shared_iis(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HttpPlatformHandler]:
    """One for all tests that neither stop it nor ban a client.

    All ask for `transactional_db`: pytest-django runs the others apart, with another server.
    """
    with started(tmp_path_factory.mktemp("iis")) as server:
        yield server


def test_it_works(iis: HttpPlatformHandler, key: str) -> None:
    status, content = iis.push(CLIENT, X_API_Key=key)
    assert (status, content["success"]) == (201, True)
    assert iis.push(CLIENT)[0] == 401
    assert iis.push(NEIGHBOUR)[0] == 401
    assert set(FailedAttempt.objects.values_list("client_ip", flat=True)) == {
        "10.1.2.3",
        "2001:db8::1",
    }
    assert iis.stop() == 0
    assert iis.stdout.read() == "Queue API has stopped.\n"


def test_the_client_is_banned_and_not_iis(iis: HttpPlatformHandler, key: str) -> None:
    assert [iis.push(CLIENT, X_API_Key="guess")[0] for _ in range(6)] == [401] * 5 + [403]
    assert iis.push(CLIENT, X_API_Key=key)[0] == 403
    assert iis.push(NEIGHBOUR, X_API_Key=key)[0] == 201
    assert BannedIP.objects.get().network == "10.1.2.3"


def test_a_clients_own_x_forwarded_for_is_ignored(
    shared_iis: HttpPlatformHandler, transactional_db: None
) -> None:
    shared_iis.push(f"127.0.0.1, 198.51.100.7, {CLIENT}")
    assert FailedAttempt.objects.get().client_ip == "10.1.2.3"


TOO_LARGE = {"success": False, "error": "The body is larger than this server accepts."}


def test_a_body_over_the_limit_is_a_413_in_json(shared_iis: HttpPlatformHandler, key: str) -> None:
    body = b" " * (settings.MAX_REQUEST_BYTES + 1)
    assert shared_iis.push(CLIENT, body, X_API_Key=key) == (413, TOO_LARGE)


def test_a_body_over_the_limit_of_waitress_is_a_413_in_json(
    shared_iis: HttpPlatformHandler, key: str
) -> None:
    length = settings.MAX_BULK_BYTES + WAITRESS_MARGIN_BYTES + 1
    assert shared_iis.push(CLIENT, b"", X_API_Key=key, Content_Length=str(length)) == (
        413,
        TOO_LARGE,
    )


def test_an_unknown_url_is_a_404_in_json(
    shared_iis: HttpPlatformHandler, transactional_db: None
) -> None:
    response, content = shared_iis.request("GET", "/web.config", X_Forwarded_For=CLIENT)
    assert response.status == 404
    assert set(json.loads(content)) == {"success", "error"}


def test_responses_have_the_headers_of_https(
    shared_iis: HttpPlatformHandler, transactional_db: None
) -> None:
    response, _ = shared_iis.request("GET", "/admin/login/", X_Forwarded_For=CLIENT)
    assert response.headers["Strict-Transport-Security"]


def test_a_request_under_way_is_completed_when_iis_stops_the_process(
    iis: HttpPlatformHandler, key: str
) -> None:
    body = b'{"queue_name": "q"}'
    head = (
        f"POST /api/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
        f"X-Forwarded-For: {CLIENT}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", iis.port), timeout=TIMEOUT) as connection:
        connection.sendall(head.encode() + body[:5])
        iis.signal_stop()
        wait_until_port_closes(iis.port)
        connection.sendall(body[5:])
        response = connection.makefile("rb").read()
    assert response.startswith(b"HTTP/1.1 201 ")
    assert str(QueueItem.objects.get().pk).encode() in response
    assert iis.process.wait(TIMEOUT) == 0


# The settings of IIS.


def duration(text: str | None) -> timedelta:
    """Parse a duration of IIS: hours, minutes and seconds."""
    assert text
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def test_the_process_runs_in_the_virtual_environment() -> None:
    assert PLATFORM.get("processPath") == r".\.venv\Scripts\python.exe"


def test_every_request_goes_to_the_process() -> None:
    cleared, handler, *others = find(WEB_SERVER, "handlers")
    assert (cleared.tag, others) == ("clear", [])
    assert (handler.get("path"), handler.get("verb")) == ("*", "*")
    assert handler.get("modules") == "httpPlatformHandler"


def test_iis_starts_as_many_processes_as_the_rate_limits_expect() -> None:
    assert PLATFORM.get("processesPerApplication") == str(settings.WEB_PROCESSES)


def test_iis_does_not_replace_error_responses() -> None:
    assert find(WEB_SERVER, "httpErrors").get("existingResponse") == "PassThrough"


def test_iis_passes_on_bodies_over_the_limit() -> None:
    limits = find(WEB_SERVER, "security/requestFiltering/requestLimits")
    room = settings.MAX_BULK_BYTES + WAITRESS_MARGIN_BYTES
    assert room < int(limits.attrib["maxAllowedContentLength"]) < 2 * room


def test_the_request_timeout_is_longer_than_the_longest_request() -> None:
    timeout = duration(PLATFORM.get("requestTimeout"))
    longest = settings.DATABASE_CONNECTION_TIMEOUT + 2 * settings.DATABASE_QUERY_TIMEOUT
    assert timeout > timedelta(seconds=REQUEST_SECONDS) + longest
    assert timeout % timedelta(minutes=1) == timedelta()  # IIS takes nothing else


def test_the_startup_time_limit_is_shorter_than_the_request_timeout() -> None:
    start = timedelta(seconds=int(PLATFORM.attrib["startupTimeLimit"]))
    assert timedelta(seconds=30) <= start < duration(PLATFORM.get("requestTimeout"))


def test_the_output_is_logged_to_a_file() -> None:
    assert PLATFORM.get("stdoutLogEnabled") == "true"
    assert re.fullmatch(r"[A-Z]:\\.*\\logs\\stdout", PLATFORM.attrib["stdoutLogFile"])


def test_it_holds_no_secret() -> None:
    assert set(ENVIRONMENT) == {
        "ENV_FILE",
        "PYTHONUTF8",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }
