#!/usr/bin/env python3
"""Run, test, check or release the project on this machine. Needs Python 3.11 or newer alone.

python dev.py run [--port N]    serve the API and the admin with demo data on SQLite
python dev.py test [ARGUMENT]   run the tests; arguments go to pytest
python dev.py check             check style, types, imports, migrations and settings
python dev.py manage ARGUMENT   run a manage.py command on the database of `run`
python dev.py release           write dist/queue-api-VERSION.zip from the last commit; needs Git
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("Queue API needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])

import argparse
import hashlib
import os
import secrets
import sqlite3
import subprocess
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import queueapi

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STATE = ROOT / ".dev"  # what `run` keeps
DATABASE = STATE / "db.sqlite3"

CHECKS = (  # programs of the virtual environment
    "ruff format --check",
    "ruff check",
    "mypy .",
    "lint-imports --no-cache --no-logo",
    "python manage.py makemigrations --check --dry-run",
    "python manage.py check --deploy",
)


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@contextmanager
def alone() -> Iterator[None]:
    """Hold a lock that other runs of this file wait for. It ends with the process at the latest."""
    STATE.mkdir(exist_ok=True)
    (STATE / "lock").touch(mode=0o600)
    with closing(sqlite3.connect(STATE / "lock")) as lock:
        while not lock.in_transaction:
            try:
                lock.execute("BEGIN EXCLUSIVE")  # waits for 5 seconds
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                print("Waiting for another dev.py, which is setting up this folder ...", flush=True)
        yield


@alone()
def install(*requirements: str, folder: Path = VENV) -> None:
    """Make a virtual environment hold these files' packages; does nothing if it does already."""
    python = python_of(folder)
    for name in requirements:
        wanted = (ROOT / name).read_text(encoding="utf-8")
        installed = folder / f"{name.replace('/', '-')}.installed"  # what was installed last
        if python.exists() and installed.exists() and installed.read_text("utf-8") == wanted:
            continue
        print(f"Installing {name} into {folder.relative_to(ROOT)} ...", flush=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        if not runs([*pip, "--version"]):
            make_environment(folder)
        if subprocess.call([*pip, "install", "--quiet", "-r", name]):
            sys.exit(f"{name} could not be installed; what pip says above tells why.")
        installed.write_text(wanted, encoding="utf-8")


def runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_environment(folder: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True, symlinks=os.name != "nt")
    except subprocess.CalledProcessError:
        sys.exit("This Python can't make a virtual environment (Debian: install python3-venv).")


@alone()
def development_environment() -> dict[str, str]:
    """The environment with settings for this machine alone, which win over the shell's."""
    os.umask(0o077)  # the secret and the database are for this account alone
    secret = STATE / "secret_key"
    if not secret.exists():
        secret.write_text(secrets.token_urlsafe(50), encoding="utf-8")
    secret.chmod(0o600)  # it may be from before
    return {
        "TRUSTED_PROXIES": "none",
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "queueapi.settings",
        "ENV_FILE": "",  # a .env in this folder may be a real installation's
        "DEBUG": "off",
        "SECRET_KEY": secret.read_text(encoding="utf-8"),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DATABASE_URL": "sqlite:///" + quote(DATABASE.as_posix()),
        "HTTPS": "off",
    }


def become(arguments: list[str], environment: dict[str, str], folder: Path = VENV) -> NoReturn:
    """Go on as this Python command, so that Ctrl-C and signals reach it and nothing else."""
    command = [str(python_of(folder)), *arguments]
    if os.name != "nt":
        os.execve(command[0], command, environment)
    child = subprocess.Popen(command, env=environment)
    while True:  # Windows has no exec, and its Ctrl-C reaches the child by itself
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue


def main() -> None:
    command, *arguments = sys.argv[1:] or ["help"]
    os.chdir(ROOT)
    if command == "run":
        install("requirements.txt")
        run(arguments)
    elif command == "test":
        install("requirements.txt", "requirements-dev.txt")
        # conftest.py sets the tests' environment; only this would be read before it.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        become(["-m", "pytest", *arguments], dict(os.environ))
    elif command == "check":
        install("requirements.txt", "requirements-dev.txt")
        check()
    elif command == "manage":
        install("requirements.txt")
        environment = development_environment()
        if not DATABASE.exists():
            manage("migrate", "--verbosity", "0", environment=environment)
        become(["manage.py", *arguments], environment)
    elif command == "release":
        release()
    elif command in ("help", "--help", "-h"):
        print(__doc__)
    else:
        sys.exit(__doc__)


def check() -> None:
    """Run all checks with the settings of production. Exit with 1 if any of them fails."""
    environment = development_environment()
    environment |= {"HTTPS": "on", "DATABASE_URL": "sqlite://:memory:"}
    failed = []
    for command in CHECKS:
        print(f"$ {command}", flush=True)
        program, *arguments = command.split()
        path = python_of(VENV).with_stem(program)  # keeps the .exe of Windows
        if subprocess.call([str(path), *arguments], env=environment):
            failed.append(command)
    if failed:
        sys.exit("\n".join(["", "Failed:", *failed]))


def release() -> None:
    """Write the zip that docs/deploy-iis.md installs. One commit makes the same bytes anywhere."""
    status = subprocess.run(["git", "status", "--porcelain"], stdout=subprocess.PIPE, check=False)
    if status.returncode or status.stdout:
        sys.exit("A release needs a Git checkout without uncommitted changes.")
    archive = ROOT / "dist" / f"queue-api-{queueapi.__version__}.zip"
    archive.parent.mkdir(exist_ok=True)
    # Stored and not deflated, since versions of zlib differ; in UTC, since a zip has local times.
    subprocess.run(
        ["git", "archive", "-0", f"--output={archive}", "HEAD"],
        env={**os.environ, "TZ": "UTC0"},
        check=True,
    )
    print(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.relative_to(ROOT)}")


def manage(*arguments: str, environment: dict[str, str]) -> None:
    if subprocess.call([str(python_of(VENV)), "manage.py", *arguments], env=environment):
        sys.exit(1)


def run(arguments: list[str]) -> NoReturn:
    parser = argparse.ArgumentParser(prog="dev.py run")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    port = str(parser.parse_args(arguments).port)
    if not 0 < int(port) < 65536:
        parser.error("--port must be from 1 to 65535")
    environment = development_environment()
    manage("migrate", "--verbosity", "0", environment=environment)
    manage("create_demo_data", "--url", f"http://127.0.0.1:{port}", environment=environment)
    become(["manage.py", "serve", "--port", port], environment)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
