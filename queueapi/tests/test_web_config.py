"""Plays httpPlatformHandler: starts what web.config says, as it says, and stands in front of it."""

import json
import os
import re
import secrets
import socket
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings

from queueapi.management.commands.serve import WAITRESS_MARGIN_BYTES
from queueapi.server.channels import REQUEST_SECONDS
from queueapi.tests.helpers import Server, database_url, wait_until_it_stops_listening
from queues.models import QueueItem
from security.models import ApiKey, BannedIP, FailedAttempt

CLIENT = "10.1.2.3:51861"
NEIGHBOUR = "[2001:db8::1]:51760"

WEB_SERVER = ET.parse(settings.BASE_DIR / "web.config").find("system.webServer")  # noqa: S314  ours
PLATFORM = WEB_SERVER.find("httpPlatform")
ENVIRONMENT = {
    variable.get("name"): variable.get("value")
    for variable in PLATFORM.iterfind("environmentVariables/environmentVariable")
}


class HttpPlatformHandler(Server):
    """The server, with a proxy in front that says who the client is."""

    def __init__(self, log: Path, env_file: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = str(taken.getsockname()[1])
        arguments = PLATFORM.get("arguments").replace("%HTTP_PLATFORM_PORT%", port)
        self.start(
            log,
            [sys.executable, *arguments.split()],
            {
                # What Windows gives every process, and no more of the tests' own environment.
                **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
                **ENVIRONMENT,
                "ENV_FILE": str(env_file),
                "HTTP_PLATFORM_PORT": port,
            },
        )
        assert self.port == int(port)

    def push(self, client: str, body: bytes = b'{"queue_name": "q"}', **headers: str):
        """Status and JSON of a POST to /api/queue, as it comes from IIS."""
        sent = {"Content_Type": "application/json", "X_Forwarded_For": client, **headers}
        response, answer = self.request("POST", "/api/queue", body, **sent)
        assert response.headers["Server"] is None
        return response.status, json.loads(answer)


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


@pytest.fixture
def iis(transactional_db: None, tmp_path: Path):
    env_file = tmp_path / "queueapi.env"
    env_file.write_text(
        f"SECRET_KEY={secrets.token_urlsafe(50)}\n"
        "ALLOWED_HOSTS=127.0.0.1\n"
        "TRUSTED_PROXIES=127.0.0.1\n"
        f"DATABASE_URL={database_url()}\n",
        encoding="utf-8",
    )
    server = HttpPlatformHandler(tmp_path / "stdout.log", env_file)
    yield server
    server.process.kill()
    server.process.communicate()


def test_it_works(iis, key: str) -> None:
    status, answer = iis.push(CLIENT, X_API_Key=key)
    assert (status, answer["success"]) == (201, True)
    assert iis.push(CLIENT)[0] == 401
    assert iis.push(NEIGHBOUR)[0] == 401
    assert set(FailedAttempt.objects.values_list("client_ip", flat=True)) == {
        "10.1.2.3",
        "2001:db8::1",
    }
    assert iis.stop() == 0
    assert iis.process.stdout.read() == "Queue API has stopped.\n"


def test_the_client_is_banned_and_not_iis(iis, key: str) -> None:
    assert [iis.push(CLIENT, X_API_Key="guess")[0] for _ in range(6)] == [401] * 5 + [403]
    assert iis.push(CLIENT, X_API_Key=key)[0] == 403
    assert iis.push(NEIGHBOUR, X_API_Key=key)[0] == 201
    assert BannedIP.objects.get().network == "10.1.2.3"


def test_what_the_client_claims_to_be_forwarded_for_is_not_believed(iis) -> None:
    iis.push(f"127.0.0.1, 198.51.100.7, {CLIENT}")
    assert FailedAttempt.objects.get().client_ip == "10.1.2.3"


TOO_LARGE = {"success": False, "error": "The body is larger than this server accepts."}


def test_a_body_that_is_too_large_gets_our_json(iis, key: str) -> None:
    body = b" " * (settings.MAX_REQUEST_BYTES + 1)
    assert iis.push(CLIENT, body, X_API_Key=key) == (413, TOO_LARGE)


def test_a_body_that_waitress_does_not_even_read_gets_our_json(iis, key: str) -> None:
    length = settings.MAX_REQUEST_BYTES + WAITRESS_MARGIN_BYTES + 1
    assert iis.push(CLIENT, b"", X_API_Key=key, Content_Length=str(length)) == (413, TOO_LARGE)


def test_an_unknown_address_gets_our_json(iis) -> None:
    response, answer = iis.request("GET", "/web.config", X_Forwarded_For=CLIENT)
    assert response.status == 404
    assert json.loads(answer)["error"] == "There is nothing at this address."


def test_it_counts_as_https(iis) -> None:
    response, _ = iis.request("GET", "/admin/login/", X_Forwarded_For=CLIENT)
    assert response.headers["Strict-Transport-Security"]


def test_a_request_under_way_is_answered_when_iis_stops_it(iis, key: str) -> None:
    body = b'{"queue_name": "q"}'
    head = (
        f"POST /api/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
        f"X-Forwarded-For: {CLIENT}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", iis.port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:5])
        iis.signal_stop()
        wait_until_it_stops_listening(iis.port)
        connection.sendall(body[5:])
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert str(QueueItem.objects.get().pk).encode() in answer
    assert iis.process.wait(timeout=30) == 0


# What IIS itself reads.


def span(text: str) -> timedelta:
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def test_the_python_is_that_of_the_virtual_environment() -> None:
    assert PLATFORM.get("processPath") == r".\.venv\Scripts\python.exe"


def test_every_request_goes_to_our_process() -> None:
    cleared, handler, *others = WEB_SERVER.find("handlers")
    assert (cleared.tag, others) == ("clear", [])
    assert (handler.get("path"), handler.get("verb")) == ("*", "*")
    assert handler.get("modules") == "httpPlatformHandler"


def test_one_process_as_the_rates_need_it() -> None:
    assert PLATFORM.get("processesPerApplication") == str(settings.WEB_PROCESSES)


def test_our_errors_reach_the_client() -> None:
    assert WEB_SERVER.find("httpErrors").get("existingResponse") == "PassThrough"


def test_bodies_that_we_refuse_reach_us() -> None:
    limits = WEB_SERVER.find("security/requestFiltering/requestLimits")
    room = settings.MAX_REQUEST_BYTES + WAITRESS_MARGIN_BYTES
    assert room < int(limits.get("maxAllowedContentLength")) < 2 * room


def test_iis_waits_longer_than_a_request_may_take() -> None:
    timeout = span(PLATFORM.get("requestTimeout"))
    longest = settings.DATABASE_CONNECTION_TIMEOUT + 2 * settings.DATABASE_QUERY_TIMEOUT
    assert timeout > timedelta(seconds=REQUEST_SECONDS) + longest
    assert timeout % timedelta(minutes=1) == timedelta()  # IIS takes nothing else


def test_a_start_may_take_a_while_and_clients_wait_for_it() -> None:
    start = timedelta(seconds=int(PLATFORM.get("startupTimeLimit")))
    assert timedelta(seconds=30) <= start < span(PLATFORM.get("requestTimeout"))


def test_its_log_is_kept() -> None:
    assert PLATFORM.get("stdoutLogEnabled") == "true"
    assert re.fullmatch(r"[A-Z]:\\.*\\logs\\stdout", PLATFORM.get("stdoutLogFile"))


def test_there_is_no_secret_in_it() -> None:
    assert set(ENVIRONMENT) == {
        "ENV_FILE",
        "PYTHONUTF8",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }
