"""manage.py migrate: its lock, and the files of an SQLite database."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO

import pytest
from django.conf import settings

from queueapi.tests.helpers import Serve, manage

HOLD = """
from django.core.files import locks
from django.db import connections
from queueapi.database.locks import lock_file
with lock_file(connections["default"]) as file:
    print(locks.lock(file, locks.LOCK_EX), flush=True)
    input()
"""
WAITING = "Another migrate or send_alerts is running on this database; waiting for its end.\n"


Start = Callable[..., Popen[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite3"


@pytest.fixture
def start(file: Path) -> Iterator[Start]:
    """Return a function that starts manage.py on that database."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{file.as_posix()}"}
    processes = []

    def start(*arguments: str) -> Popen[str]:
        command = [sys.executable, "manage.py", *arguments]
        process = Popen(command, env=environment, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def holder(start: Start) -> Popen[str]:
    """Return a process that holds the lock of `migrate`."""
    holder = start("shell", "-v0", "-c", HOLD)
    assert first_line(holder.stdout) == "True\n"
    return holder


def first_line(pipe: IO[str] | None) -> str:
    assert pipe
    return pipe.readline()


@pytest.mark.slow
def test_concurrent_migrates_run_one_after_the_other(
    start: Start, holder: Popen[str], file: Path
) -> None:
    both = [start("migrate"), start("migrate")]
    assert [first_line(process.stderr) for process in both] == [WAITING, WAITING]
    holder.communicate("\n")
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("No migrations to apply." in output for output in outputs) == 1
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT app, name FROM django_migrations").fetchall()
    assert len(rows) == len(set(rows))


def test_a_killed_process_leaves_no_lock(start: Start, holder: Popen[str]) -> None:
    second = start("migrate")
    assert first_line(second.stderr) == WAITING
    holder.kill()
    second.communicate()
    assert second.returncode == 0


def test_a_database_in_memory_has_no_lock_file() -> None:
    assert manage("migrate", DATABASE_URL="sqlite:///:memory:").returncode == 0
    assert not list(settings.BASE_DIR.glob("*.lock"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows inherits permissions from the folder")
def test_only_this_account_can_read_the_files(file: Path, serve: Serve) -> None:
    url = f"sqlite:///{file.as_posix()}"
    manage("migrate", DATABASE_URL=url).check_returncode()
    serve(DATABASE_URL=url).request("POST", "/api/queue")  # writes a failed attempt
    modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.glob("db.*")}
    names = ["db.sqlite3", "db.sqlite3-shm", "db.sqlite3-wal", "db.sqlite3.lock"]
    assert modes == dict.fromkeys(names, 0o600)
