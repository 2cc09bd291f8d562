"""The environment that the tests run in, and what many of them need."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

# Set before Django reads its settings, and instead of whatever the shell or a .env file has:
# production's defaults, except that nothing is in front of the test client to speak TLS.
os.environ.update(
    DJANGO_SETTINGS_MODULE="queueapi.settings",
    ENV_FILE=os.devnull,
    DEBUG="off",
    HTTPS="off",
    SECRET_KEY=secrets.token_urlsafe(50),
    ALLOWED_HOSTS="testserver,127.0.0.1",
    TRUSTED_PROXIES="none",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", "sqlite:///queueapi"),
)
for name in (
    *("HTTP_PLATFORM_PORT", "MAX_REQUEST_BYTES", "TIME_ZONE", "CACHE_URL", "WEB_PROCESSES"),
    *("BAN_AFTER", "BAN_WINDOW", "BAN_DURATION", "BAN_EXEMPT_NETWORKS"),
    *("RATE_QUEUE", "RATE_TRIGGER"),
):
    os.environ.pop(name, None)

import django
import pytest

django.setup()

from django.core.cache import cache
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from security.models import ApiKey
from security.models.bans import banned_until, has_api_failures
from security.models.keys import known_keys


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """An SQLite test database is a file, so that threads and other processes can share it."""
    database = connections["default"]
    if database.vendor == "sqlite":
        folder = tempfile.TemporaryDirectory(prefix="queueapi-", ignore_cleanup_errors=True)
        database.settings_dict["TEST"]["NAME"] = str(Path(folder.name) / "test.sqlite3")
        yield
        database.close()
        folder.cleanup()
    else:
        yield


class Api:
    """Posts to the API as a client with a live key."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.key = key

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        """Send `body` as JSON, or as it is if it is bytes; header names with `_` for `-`."""
        sent = {"X-API-Key": self.key, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = sent.pop("Content-Type")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic("POST", path, raw, content_type, headers=sent)


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Each test begins with empty counters, and without answers about rows of another test."""
    cache.clear()
    for recent in (known_keys, banned_until, has_api_failures):
        recent.forget_all()


def database_url() -> str:
    """The test database's address, for a process of its own."""
    database = connections["default"]
    name = quote(str(database.settings_dict["NAME"]))
    if database.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


class Server:
    """`manage.py serve` as a process of its own, on a free port."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", *(arguments or ("--port", "0"))],
                env={**os.environ, "DATABASE_URL": database_url(), **environment},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                # Windows sends Ctrl-Break to a group, which must not be the tests' own.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self.greeting = self.process.stdout.readline()
        ready = re.search(r"http://\S+:(\d+)/", self.greeting)
        assert ready, log.read_text()
        self.port = int(ready[1])

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; header names with `_` for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response, response.read()

    def signal_stop(self) -> None:
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def stop(self) -> int:
        """Stop it as an operator would; gives the exit code."""
        self.signal_stop()
        return self.process.wait(timeout=30)


@pytest.fixture
def serve(transactional_db, tmp_path):
    """Starts servers on the test database, and sees to their end."""
    servers: list[Server] = []

    def start(*arguments: str, **environment: str) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}.log", *arguments, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()


@pytest.fixture
def api(db) -> Api:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    return Api(Client(raise_request_exception=False), key)
