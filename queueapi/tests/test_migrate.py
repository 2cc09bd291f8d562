"""manage.py migrate: one at a time on a database, in files for one account."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from queueapi.tests.helpers import Serve, manage

HOLD = """
from django.core.files import locks
from django.db import connections
from queueapi.management.commands.migrate import lock_file
with lock_file(connections["default"]) as file:
    print(locks.lock(file, locks.LOCK_EX), flush=True)
    input()
"""
WAITING = "Another migrate is running on this database; waiting for its end.\n"


@pytest.fixture
def file(tmp_path: Path):
    return tmp_path / "db.sqlite3"


@pytest.fixture
def start(file):
    """Starts manage.py on that database, and sees to its end."""
    processes = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{file.as_posix()}"}
        command = [sys.executable, "manage.py", *arguments]
        processes.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def holder(start):
    """A process that has the lock of `migrate`."""
    holder = start("shell", "-v0", "-c", HOLD)
    assert holder.stdout.readline() == "True\n"
    return holder


def test_two_at_once_wait_for_each_other(start, holder, file) -> None:
    both = [start("migrate"), start("migrate")]
    assert [process.stderr.readline() for process in both] == [WAITING, WAITING]
    holder.communicate("\n")
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("No migrations to apply." in text for text in said) == 1
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT app, name FROM django_migrations").fetchall()
    assert len(rows) == len(set(rows))


def test_a_killed_one_leaves_no_lock(start, holder) -> None:
    second = start("migrate")
    assert second.stderr.readline() == WAITING
    holder.kill()
    second.communicate()
    assert second.returncode == 0


def test_a_database_in_memory_has_no_lock_file() -> None:
    assert manage("migrate", DATABASE_URL="sqlite:///:memory:").returncode == 0
    assert not list(settings.BASE_DIR.glob("*.lock"))


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Windows hand down their rights")
def test_its_files_are_for_this_account_alone(file, serve: Serve) -> None:
    url = f"sqlite:///{file.as_posix()}"
    manage("migrate", DATABASE_URL=url).check_returncode()
    serve(DATABASE_URL=url).request("POST", "/api/queue")  # a failed attempt is written
    modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.glob("db.*")}
    names = ["db.sqlite3", "db.sqlite3-shm", "db.sqlite3-wal", "db.sqlite3.lock"]
    assert modes == dict.fromkeys(names, 0o600)
