"""/healthz and /readyz."""

import json
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.backends.signals import connection_created
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from queueapi import health
from queueapi.health import PROBES, Probe
from queueapi.tests.helpers import TIMEOUT, Serve, Server, eventually
from queueapi.tests.redis_server import Redis
from security.models import BannedIP

READY = "database: ok\nmigrations: ok\ncache: ok\n"


def forget_results() -> None:
    for probe in PROBES:
        probe.expires = 0.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for results in this process as long as a busy machine takes."""
    monkeypatch.setattr(health, "WAIT", TIMEOUT)
    forget_results()


def get(path: str, **headers: str) -> tuple[int, str]:
    response = Client(headers=headers).get(path)
    return response.status_code, response.text


def test_it_works(db: None) -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.text) == (200, READY)
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_healthz_uses_no_database() -> None:
    assert get("/healthz") == (200, "ok\n")


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/", "/readyz.txt", "/api/readyz", "/Readyz"])
def test_other_paths_are_not_health(path: str, db: None) -> None:
    assert get(path)[0] == 404


@pytest.mark.parametrize("host", ["10.1.2.3", "[::1]:80", "not allowed", "x" * 300, "\xe6", ""])
@pytest.mark.parametrize(("path", "text"), [("/healthz", "ok\n"), ("/readyz", READY)])
def test_any_host_is_accepted(path: str, text: str, host: str, db: None) -> None:
    assert get(path, host=host) == (200, text)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "GETT"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_other_methods_get_405(path: str, method: str) -> None:
    response = Client().generic(method, path, b"x" * 1000)
    assert (response.status_code, response.text) == (405, "")
    assert response.headers["Allow"] == "GET, HEAD"


def test_banned_ip_gets_its_response(db: None) -> None:
    BannedIP.objects.ban_by_hand("127.0.0.1", django_settings.BAN_DURATION, "test", by="test")
    assert get("/api/queue")[0] == 403
    assert get("/healthz") == (200, "ok\n")
    assert get("/readyz") == (200, READY)


def test_missing_migration_is_503(transactional_db: None) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("queues", "0006_indexes_of_lists")
    try:
        assert get("/readyz") == (503, "database: ok\nmigrations: missing\ncache: ok\n")
    finally:
        recorder.record_applied("queues", "0006_indexes_of_lists")


def test_migrations_of_a_newer_version_are_accepted(transactional_db: None) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("queues", "9999_newer")
    try:
        assert get("/readyz") == (200, READY)
    finally:
        recorder.record_unapplied("queues", "9999_newer")


def test_cache_that_is_away_stays_200(db: None, settings: Settings, redis: Redis) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    options = {"serializer": json}
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": redis.url, "OPTIONS": options}}
    assert get("/readyz") == (200, READY)
    redis.stop()
    forget_results()
    assert get("/readyz") == (200, "database: ok\nmigrations: ok\ncache: failed\n")


def test_many_requests_at_once_open_one_connection(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEEP", TIMEOUT)
    opened: list[Any] = []

    def count(**kwargs: Any) -> None:
        opened.append(kwargs["connection"])

    connection_created.connect(count)
    try:
        with ThreadPoolExecutor(20) as clients:
            responses = list(clients.map(get, ["/readyz"] * 40))
    finally:
        connection_created.disconnect(count)
    assert set(responses) == {(200, READY)}
    assert [each.connection for each in opened] == [None]  # it is closed


class DriverError(Exception):
    """An error that is none of Django's."""


def test_any_exception_of_a_check_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    def check() -> str:
        raise DriverError("The server is 10.1.2.3.")

    probe = Probe(check, "database: %s\n")
    probe.start()
    assert probe.wait() == "database: failed\n"
    assert "DriverError: The server is 10.1.2.3." in caplog.text


def test_old_result_is_not_returned_while_the_check_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WAIT", 0.01)
    hangs, calls = Event(), []

    def check() -> str:
        calls.append(1)
        if len(calls) > 1:
            assert hangs.wait(TIMEOUT)
        return f"database: ok {len(calls)}\n"

    probe = Probe(check, "database: %s\n")
    probe.start()
    probe.thread.join()
    assert probe.wait() == "database: ok 1\n"
    probe.expires = 0.0
    for _ in range(3):  # one thread, however often it is started
        probe.start()
        assert probe.wait() == "database: no response within 0.01 seconds\n"
    hangs.set()
    probe.thread.join()
    assert probe.wait() == "database: ok 2\n"


# Servers


class Listener:
    """A port that accepts connections and never sends a byte."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.socket.settimeout(TIMEOUT)
        self.port = self.socket.getsockname()[1]
        self.accepted: list[socket.socket] = []

    def accept(self) -> None:
        self.accepted.append(self.socket.accept()[0])

    def accept_all(self) -> int:
        """Accept what is in the backlog; return how many were accepted in all."""
        self.socket.settimeout(0)
        try:
            while True:
                self.accept()
        except BlockingIOError:
            return len(self.accepted)


@pytest.fixture
def silent() -> Iterator[Listener]:
    listener = Listener()
    with closing(listener.socket):
        yield listener
        for accepted in listener.accepted:
            accepted.close()


def test_hanging_database_that_holds_all_threads_is_reported(
    serve: Serve, silent: Listener
) -> None:
    server = serve(
        DATABASE_URL=f"mssql://sa:secret@127.0.0.1:{silent.port}/name",
        DATABASE_CONNECTION_TIMEOUT=str(2 * TIMEOUT),
        HTTPS="on",
    )
    push = (
        b"POST /api/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: x\r\nContent-Length: 0\r\n\r\n"
    )

    def request(path: str) -> tuple[int, str]:
        response, body = server.request("GET", path, Host="10.1.2.3")
        return response.status, body.decode()

    with ThreadPoolExecutor(30) as clients:
        pushes = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
        for each in pushes:
            each.sendall(push)
            silent.accept()  # so one more thread waits for the database
        ready = clients.map(request, ["/readyz"] * 20)
        assert request("/healthz") == (200, "ok\n")
        text = "database: no response within 1.5 seconds\nmigrations: unknown\ncache: ok\n"
        assert set(ready) == {(503, text)}
        assert request("/healthz") == (200, "ok\n")
        assert silent.accept_all() == 5  # of the pushes, and of one probe
        for each in pushes:
            each.close()


PATIENT_FOR_A_MOMENT = """
import django
django.setup()
from django.core.management import call_command
from queueapi import health
health.WAIT, health.KEEP = 0.5, 0.1
call_command("serve", "--port", "0")
"""


def test_database_that_goes_and_comes_back(db: None, tmp_path: Path, silent: Listener) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("moves the file of the database")
    file, away = tmp_path / "database.sqlite3", tmp_path / "away.sqlite3"
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"])) as original,
        closing(sqlite3.connect(file)) as copy,
    ):
        original.backup(copy)
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{file}",
        "CACHE_URL": f"redis://127.0.0.1:{silent.port}?socket_timeout={TIMEOUT}",
    }
    server = Server.__new__(Server)
    server.start(tmp_path / "log", [sys.executable, "-c", PATIENT_FOR_A_MOMENT], environment)

    def becomes(status: int, text: str) -> bool:
        def is_so() -> bool:
            response, body = server.request("GET", "/readyz")
            return (response.status, body.decode()) == (status, f"{text}cache: {hangs}\n")

        return eventually(is_so)

    hangs, ready = "no response within 0.5 seconds", (200, "database: ok\nmigrations: ok\n")
    with server:
        assert becomes(*ready)
        file.rename(away)
        assert becomes(503, "database: failed\nmigrations: unknown\n")
        assert not file.exists()
        away.rename(file)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode=DELETE")
            other.execute("BEGIN EXCLUSIVE")
            assert becomes(503, f"database: {hangs}\nmigrations: unknown\n")
        assert becomes(*ready)
        assert server.request("HEAD", "/readyz")[1] == b""
