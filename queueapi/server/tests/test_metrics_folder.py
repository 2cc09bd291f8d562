"""The folder in which several processes add up their metrics."""

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from prometheus_client import values
from pytest_django import Settings

from queueapi.metrics import SECONDS
from queueapi.server.metrics_folder import FILE_SIZE, files_in, join
from queueapi.tests.helpers import Serve, Server
from queueapi.tests.redis_server import Redis
from queueapi.tests.test_metrics import scrape_server
from queueapi.tests.test_settings import load


@pytest.mark.slow
def test_processes_add_up_and_a_new_one_takes_over_from_a_killed_one(
    serve: Serve, redis: Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    shared = {"CACHE_URL": redis.url, "WEB_PROCESSES": "3", "METRICS_FOLDER": str(folder)}
    shared["BAN_AFTER"] = "100"
    stale = folder / "histogram_7.db"
    folder.mkdir()
    stale.write_bytes(b"x" * 5000)
    with ThreadPoolExecutor(3) as starts:
        servers = list(starts.map(lambda _: serve(**shared), range(3)))
    assert not stale.exists()

    def push(server: Server) -> None:
        assert server.request("POST", "/api/queue", b"{}")[0].status == 401

    for server, times in zip(servers, (1, 2, 3), strict=True):
        for _ in range(times):
            push(server)
    for server in servers:
        numbers = scrape_server(server)
        assert numbers["request_seconds_count", "queue", "401"] == 6
        assert numbers["refusals_total", "missing", "401"] == 6
        assert numbers["database_up",] == 1
    files = sorted(file.name for file in folder.iterdir())

    servers[2].process.kill()
    servers[2].process.wait()
    servers[2] = serve(**shared)
    for server in servers:
        # A smaller sum would be a restart from 0 to Prometheus.
        assert scrape_server(server)["request_seconds_count", "queue", "401"] == 6
    push(servers[2])
    assert scrape_server(servers[0])["request_seconds_count", "queue", "401"] == 7
    assert sorted(file.name for file in folder.iterdir()) == files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path for `join()`, whose changes of this process are undone after the test."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    return tmp_path / "metrics"


def join_and_leave(folder: Path) -> None:
    for lock in join(str(folder)):
        lock.close()


def test_files_of_others_are_kept_and_not_read(folder: Path) -> None:
    folder.mkdir()
    (folder / "queue.db").write_text("rows")
    join_and_leave(folder)
    assert (folder / "queue.db").read_text() == "rows"
    assert {file.name for file in files_in(str(folder))} == {"histogram_0.db", "counter_0.db"}


def test_files_have_their_size_at_the_start(folder: Path) -> None:
    join_and_leave(folder)
    assert {file.stat().st_size for file in files_in(str(folder))} == {FILE_SIZE}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_new_folder_is_for_this_account_alone(folder: Path) -> None:
    join_and_leave(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_only_serve_makes_the_folder(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.METRICS_FOLDER = str(tmp_path / "metrics")
    call_command("check")
    assert client.get("/nothing").status_code == 404
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_fails_no_request(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    SECONDS.clear()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    assert client.get("/nothing").status_code == 404


def test_a_folder_that_cannot_be_made_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.METRICS_FOLDER = str(tmp_path / "file" / "metrics")
    with pytest.raises(CommandError, match=r"^Can't use METRICS_FOLDER: [^\n]+$"):
        call_command("serve", port=0)


def test_each_installation_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, "WEB_PROCESSES", "1")["METRICS_FOLDER"] == ""
    folder = load(monkeypatch, "WEB_PROCESSES", "2")["METRICS_FOLDER"]
    assert folder == load(monkeypatch, "WEB_PROCESSES", "3")["METRICS_FOLDER"]
    assert folder != load(monkeypatch, "SECRET_KEY", "x" * 60)["METRICS_FOLDER"]
    assert load(monkeypatch, "METRICS_FOLDER", "/run/queueapi")["METRICS_FOLDER"] == "/run/queueapi"
