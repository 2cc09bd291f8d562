"""What the tests of several apps use."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from django.db import connections
from django.http import HttpResponse
from django.test import Client


class Api:
    """Posts to the API as a client with an active key."""

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


def manage(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run manage.py; a variable that is None is taken out of the environment."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def happens_within_5_seconds(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in the time in which every process learns of a change."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def database_url() -> str:
    """The test database's address, for a process of its own."""
    database = connections["default"]
    name = quote(str(database.settings_dict["NAME"]))
    if database.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def forget_what_was_logged() -> None:
    """Let the log say again what it says once a minute."""
    # Configured twice, as the server's is, the logger has two such filters.
    for once_per_minute in logging.getLogger("waitress").filters:
        once_per_minute.passes_at.clear()


class Forms(HTMLParser):
    """The forms of a page: their attributes, and what a browser would send."""

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


def form_in(response: HttpResponse, field: str) -> dict[str, str]:
    """What the page's form with this field would send as it is."""
    for _, fields in Forms(response.content.decode()).forms:
        if field in fields:
            return fields
    raise AssertionError(f"There is no form with a field {field}.")


def said(response: HttpResponse) -> list[str]:
    """The messages at the top of a page."""
    return [str(message) for message in response.context["messages"]]


def wait_until_it_stops_listening(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionResetError:
            continue  # it was in the queue when the door closed
        except ConnectionRefusedError:
            return


class Server:
    """`manage.py serve` as a process of its own, on a free port."""

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
        self.greeting = self.process.stdout.readline()
        ready = re.search(r"http://\S+:(\d+)/", self.greeting)
        assert ready, log.read_text()
        self.port = int(ready[1])

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; header names with `_` for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
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


class Serve(Protocol):
    """Start `manage.py serve` with these arguments and environment variables."""

    def __call__(self, *arguments: str, **environment: str) -> Server: ...


class SignIn(Protocol):
    """Sign a client in as a new user with this role; without one, as a superuser."""

    def __call__(self, role: str = "", username: str = "anna") -> Client: ...
