"""dev.py in a copy of the project."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Protocol

import pytest
from django.conf import settings

from queueapi.tests.helpers import TIMEOUT, eventually

REQUIREMENTS = settings.BASE_DIR / "requirements.txt"
INSTALLED = settings.BASE_DIR / ".venv" / "requirements.txt.installed"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="links an environment, runs sh"),
    pytest.mark.skipif(
        # Or each test would install them.
        not INSTALLED.exists() or INSTALLED.read_bytes() != REQUIREMENTS.read_bytes(),
        reason="needs the environment that dev.py made",
    ),
]


class Start(Protocol):
    """Start `dev.py run` on this port."""

    def __call__(self, port: int) -> subprocess.Popen[str]: ...


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the project without state, with the environment that is installed."""
    folder = tmp_path / "with space & more"
    ignored = shutil.ignore_patterns(".*", "*.sqlite3*", "benchmarks", "tests")
    shutil.copytree(settings.BASE_DIR, folder, ignore=ignored)
    (folder / ".venv").symlink_to(settings.BASE_DIR / ".venv")
    return folder


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    """Start `dev.py run`, and kill it after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "dev.py", "run", "--port", str(port)],
            cwd=checkout,
            # A production setting in the shell must change nothing.
            env={**os.environ, "DATABASE_URL": "mssql://sql.example.org/production", "HTTPS": "on"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def stdout_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout
    return process.stdout


def output_until_it_serves(process: subprocess.Popen[str]) -> str:
    lines = []
    for line in stdout_of(process):
        lines.append(line)
        if "is serving on" in line:
            break
    return "".join(lines)


def stop(process: subprocess.Popen[str]) -> str:
    """Stop it with Ctrl-C, and return the rest of its output."""
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    return rest


def run_in_shell(command: str) -> str:
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout


def line_with(text: str, output: str) -> str:
    return next(line for line in output.splitlines() if text in line)


@pytest.mark.skipif(not shutil.which("curl"), reason="runs a curl command")
def test_it_works(checkout: Path, start: Start) -> None:
    port = free_port()
    process = start(port)
    output = output_until_it_serves(process)
    curl = line_with("curl ", output)
    assert f"http://127.0.0.1:{port}/admin/" in output
    assert "user admin, password " in output
    assert "HTTP/1.1 201 Created" in run_in_shell(curl)
    assert stop(process) == "Queue API has stopped.\n"

    process = start(port)  # again: the data is kept, and the old key with it
    output = output_until_it_serves(process)
    assert "user admin, password " not in output
    assert "HTTP/1.1 201 Created" in run_in_shell(curl)
    rotate = line_with("rotate_api_key", output).strip().removeprefix("python")
    new_key = run_in_shell(f"cd '{checkout}' && {sys.executable} {rotate}").strip()
    old_key = curl.partition("X-API-Key: ")[2].partition('"')[0]
    assert eventually(lambda: "HTTP/1.1 401" in run_in_shell(curl))
    assert "HTTP/1.1 201 Created" in run_in_shell(curl.replace(old_key, new_key))
    stop(process)


def test_two_first_runs_wait_for_each_other(checkout: Path, start: Start) -> None:
    (checkout / ".dev").mkdir()
    with closing(sqlite3.connect(checkout / ".dev" / "lock")) as lock:
        lock.execute("BEGIN EXCLUSIVE")  # as a third run would
        processes = [start(free_port()), start(free_port())]
        for process in processes:
            assert stdout_of(process).readline().startswith("Waiting for another dev.py")
    output = [output_until_it_serves(process) for process in processes]
    assert all("is serving on" in text for text in output)
    # One of them created the data.
    assert sum("user admin, password " in text for text in output) == 1
    for process in processes:
        stop(process)


def test_its_files_are_readable_by_this_account_alone(checkout: Path) -> None:
    subprocess.run([sys.executable, "dev.py", "manage", "check"], cwd=checkout, check=True)
    for name in ("secret_key", "db.sqlite3"):
        assert (checkout / ".dev" / name).stat().st_mode & 0o777 == 0o600


def test_nothing_is_installed_twice(checkout: Path) -> None:
    output = subprocess.run(
        [sys.executable, "dev.py", "manage", "check"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Installing" not in output


def test_an_unknown_action_shows_the_usage(checkout: Path) -> None:
    result = subprocess.run(
        [sys.executable, "dev.py", "fly"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "dev.py run" in result.stderr
