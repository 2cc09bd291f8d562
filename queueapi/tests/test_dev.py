"""dev.py run: from a checkout to a first 201."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from queueapi.tests.helpers import happens_within_5_seconds

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="links an environment, pastes into sh"),
    pytest.mark.skipif(
        not (settings.BASE_DIR / ".venv" / "requirements.txt.installed").exists(),
        reason="needs the environment that dev.py made",
    ),
]


@pytest.fixture
def checkout(tmp_path: Path):
    """A copy of the project beside no state, with the environment that is installed already."""
    folder = tmp_path / "with space & more"
    leave_out = shutil.ignore_patterns(".*cache", ".git", ".venv", ".dev", ".hypothesis")
    shutil.copytree(settings.BASE_DIR, folder, ignore=leave_out)
    (folder / ".venv").symlink_to(settings.BASE_DIR / ".venv")
    return folder


@pytest.fixture
def start(checkout):
    """Starts dev.py run, and sees to its end."""
    processes = []

    def run(port: int) -> subprocess.Popen[str]:
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

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


def said_until_it_serves(process: subprocess.Popen[str]) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "is serving on" in line:
            break
    return "".join(lines)


def ended_by_ctrl_c(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return rest


def paste(command: str) -> str:
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout


def line_with(text: str, said: str) -> str:
    return next(line for line in said.splitlines() if text in line)


@pytest.mark.skipif(not shutil.which("curl"), reason="pastes a curl command")
def test_it_works(checkout, start) -> None:
    port = free_port()
    process = start(port)
    said = said_until_it_serves(process)
    curl = line_with("curl ", said)
    assert f"http://127.0.0.1:{port}/admin/" in said
    assert "user admin, password " in said
    assert "HTTP/1.1 201 Created" in paste(curl)
    assert ended_by_ctrl_c(process) == "Queue API has stopped.\n"

    process = start(port)  # again: the data is kept, and the old key with it
    said = said_until_it_serves(process)
    assert "user admin, password " not in said
    assert "HTTP/1.1 201 Created" in paste(curl)
    rotate = line_with("rotate_api_key", said).strip().removeprefix("python")
    new_key = paste(f"cd '{checkout}' && {sys.executable} {rotate}").strip()
    old_key = curl.partition("X-API-Key: ")[2].partition('"')[0]
    assert happens_within_5_seconds(lambda: "HTTP/1.1 401" in paste(curl))
    assert "HTTP/1.1 201 Created" in paste(curl.replace(old_key, new_key))
    ended_by_ctrl_c(process)


def test_two_first_runs_at_once_wait_for_each_other(checkout, start) -> None:
    (checkout / ".dev").mkdir()
    with closing(sqlite3.connect(checkout / ".dev" / "lock")) as lock:
        lock.execute("BEGIN EXCLUSIVE")  # as a third would
        processes = [start(free_port()), start(free_port())]
        for process in processes:
            assert process.stdout.readline().startswith("Waiting for another dev.py")
    said = [said_until_it_serves(process) for process in processes]
    assert all("is serving on" in text for text in said)
    # One made the data, and the other found it.
    assert sum("user admin, password " in text for text in said) == 1
    for process in processes:
        ended_by_ctrl_c(process)


def test_what_it_keeps_is_for_this_account_alone(checkout) -> None:
    subprocess.run([sys.executable, "dev.py", "manage", "check"], cwd=checkout, check=True)
    for name in ("secret_key", "db.sqlite3"):
        assert (checkout / ".dev" / name).stat().st_mode & 0o777 == 0o600


def test_nothing_is_installed_twice(checkout) -> None:
    said = subprocess.run(
        [sys.executable, "dev.py", "manage", "check"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Installing" not in said


def test_an_unknown_verb_shows_the_usage(checkout) -> None:
    result = subprocess.run(
        [sys.executable, "dev.py", "fly"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "dev.py run" in result.stderr
