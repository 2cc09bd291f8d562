"""Helpers that the tests of several apps use."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote, urlsplit

from django.db import Error, OperationalError, connection, connections
from django.http import HttpResponse
from django.test import Client

from queueapi.log_format import OncePerMinute

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    ClientResponse = _MonkeyPatchedWSGIResponse
else:
    ClientResponse = HttpResponse


# How long a test waits for another process, in seconds: longer than on any busy machine.
TIMEOUT = 120


class Api:
    """Send requests to the API as a client with an active key."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.key = key

    def post(self, path: str, body: Any, **headers: str) -> ClientResponse:
        """Send `body` as JSON, bytes unchanged; header names with `_` for `-`."""
        sent = {"X-API-Key": self.key, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = sent.pop("Content-Type")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic("POST", path, raw, content_type, headers=sent)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, **headers: str
    ) -> ClientResponse:
        """Send these parameters; header names with `_` for `-`."""
        sent = {"X-API-Key": self.key}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, query, headers=sent)


def manage(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run manage.py; variables that are None are removed from the environment."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def eventually(condition: Callable[[], object]) -> bool:
    """Return whether the condition comes true before `TIMEOUT`."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def database_url() -> str:
    """Return the database URL of the test database, for another process."""
    database = connections["default"]
    name = quote(str(database.settings_dict["NAME"]))
    if database.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def reset_log_filters() -> None:
    """Let each record pass that the log shows once a minute."""
    # Configured twice, as by a server, the logger has two such filters.
    for once_per_minute in logging.getLogger("waitress").filters:
        if isinstance(once_per_minute, OncePerMinute):
            once_per_minute.passes_at.clear()


LOST = OperationalError("08S01", "[08S01] Communication link failure (0) (SQLExecDirectW)")


@contextmanager
def failing(
    statement: str, *errors: Error, done: bool = False, lost: bool = False
) -> Iterator[list[str]]:
    """Raise one of the errors at each execution of a statement; yield the executions.

    `done`: execute the statement before. `lost`: close the connection, too.
    """
    executions: list[str] = []
    left = list(errors)

    def fail(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        # On SQL Server the statement is preceded by SET NOCOUNT.
        if statement not in sql:
            return execute(sql, params, many, context)
        executions.append(sql)
        if not left:
            return execute(sql, params, many, context)
        if done:
            execute(sql, params, many, context)
        if lost:
            connection.close()
        connection.errors_occurred = True  # as Django does for a driver's error
        raise left.pop(0)

    with connection.execute_wrapper(fail):
        yield executions


class Forms(HTMLParser):
    """Parse the forms of a page: their attributes, and the fields that a browser would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[dict[str, str], dict[str, str]]] = []
        self.select = self.textarea = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        attrs = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append((attrs, {}))
        if not self.forms:
            return
        fields = self.forms[-1][1]
        name = attrs.get("name", "")
        if tag == "input" and name and attrs.get("type") not in ("submit", "checkbox"):
            fields[name] = attrs.get("value", "")
        elif tag == "input" and attrs.get("type") == "checkbox" and "checked" in attrs:
            fields[name] = attrs.get("value", "on")
        elif tag == "select":
            self.select = "" if "multiple" in attrs else name
        elif tag == "option" and self.select and (self.select not in fields or "selected" in attrs):
            fields[self.select] = attrs.get("value", "")
        elif tag == "textarea":
            self.textarea = name
            fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.forms[-1][1][self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            fields = self.forms[-1][1]
            fields[self.textarea] = fields[self.textarea].removeprefix("\n")
            self.textarea = ""


def form_in(response: ClientResponse, field: str) -> dict[str, str]:
    """Return the fields that the page's form with this field would send unchanged."""
    for _, fields in Forms(response.content.decode()).forms:
        if field in fields:
            return fields
    raise AssertionError(f"There is no form with a field {field}.")


def messages_in(response: ClientResponse) -> list[str]:
    """Return the messages at the top of a page."""
    return [str(message) for message in response.context["messages"]]


def wait_until_port_closes(port: int) -> None:
    """Connect to the port until the connection is refused."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionResetError:
            continue  # it was in the backlog when the port closed
        except ConnectionRefusedError:
            return


class Server:
    """`manage.py serve` as a process of its own, on a free port; a context that kills it."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.start(
            log,
            [sys.executable, "manage.py", "serve", *(arguments or ("--port", "0"))],
            {**os.environ, "DATABASE_URL": database_url(), **environment},
        )

    def start(self, log: Path, command: list[str], environment: dict[str, str]) -> None:
        self.log = log
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                # Windows sends Ctrl-Break to a group, which must not be the tests' own.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        assert self.process.stdout
        self.stdout = self.process.stdout
        self.greeting = self.stdout.readline()
        ready = re.search(r"http://\S+:(\d+)/", self.greeting)
        assert ready, log.read_text()
        self.port = int(ready[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        self.stdout.close()

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """Send one request on its own connection; header names with `_` for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response, response.read()

    def signal_stop(self) -> None:
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def stop(self) -> int:
        """Stop it with the signal of a supervisor, and return the exit code."""
        self.signal_stop()
        return self.process.wait(TIMEOUT)


class Serve(Protocol):
    """Start `manage.py serve` with these arguments and environment variables."""

    def __call__(self, *arguments: str, **environment: str) -> Server: ...


class SignIn(Protocol):
    """Sign a client in as a new user with this role; without one, as a superuser."""

    def __call__(self, role: str = "", username: str = "anna") -> Client: ...
