"""What is compared, and how each is started: as a server, or in a process that only calls it."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
BODY = ROOT / "docs" / "examples" / "queue-item.json"

# Nobody reaches it: what is measured is the counting.
NO_LIMIT = 100_000_000

SIGN_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("anna"))
print(client.cookies["sessionid"].value)
"""

SECRET_KEY = secrets.token_urlsafe(50)


@dataclass(frozen=True)
class Candidate:
    name: str
    module: str
    # Beside what all have.
    environment: dict[str, str] = field(default_factory=dict, hash=False)
    stores: bool = True

    @property
    def is_ours(self) -> bool:
        return self.module == "queueapi.wsgi"

    def serve_command(self, threads: int) -> list[str]:
        command = ["-m", "benchmarks.serve", self.module]
        if self.is_ours:
            command = ["manage.py", "serve", "--port", "0"]
        return [sys.executable, *command, "--threads", str(threads)]


OURS = Candidate("Queue API", "queueapi.wsgi")
PEER = Candidate("Flask peer", "benchmarks.peer_flask.app")
# As the peer, but keys and bans are remembered as long as Queue API does.
REMEMBERING_PEER = Candidate(
    "Flask peer that remembers keys and bans", PEER.module, {"PEER_REMEMBERS": "3"}
)
MINIMAL = Candidate("minimal Django view", "benchmarks.minimal_django")
BARE = Candidate("bare Waitress", "benchmarks.bare_waitress", stores=False)
CANDIDATES = [OURS, PEER, REMEMBERING_PEER, MINIMAL, BARE]


class Place:
    """A folder with a database that our migrations made, and one API key, for copying."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"
        self.manage("migrate", "--verbosity", "0")
        self.key = self.manage("create_api_key", "Benchmark", "--expires", "never").strip()

    def manage(self, *arguments: str, database: Path | None = None) -> str:
        """What a `manage.py` command prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(database or self.template),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def sign_in(self) -> None:
        """Have a superuser in the copies that are made from now on, and its `session`."""
        self.session = self.manage("shell", "--verbosity", "0", "--command", SIGN_IN).strip()

    def database(self, name: str) -> Path:
        return Path(shutil.copy(self.template, self.folder / f"{name}.sqlite3".replace(" ", "-")))

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "X-API-Key": self.key,
            "X-Forwarded-For": "203.0.113.9",
        }

    @property
    def push(self) -> dict[str, Any]:
        """The request that nearly everything is measured by, as `Worker.measure` takes it."""
        body = BODY.read_text(encoding="utf-8")
        request = {"method": "POST", "path": "/api/queue", "headers": self.headers}
        return {**request, "body": body, "status": 201}


def environment(
    database: Path, more: Mapping[str, str] | None = None, *, rate: int = NO_LIMIT
) -> dict[str, str]:
    """That of production behind IIS, on SQLite; the last two are for the others."""
    return {
        **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "queueapi.settings",
        "ENV_FILE": "",
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{database}",
        "RATE_QUEUE": f"{rate}/m",
        "DATABASE": str(database),
        "RATE": f"{rate}/minute",
        **(more or {}),
    }


class Started:
    """A process of a candidate, until the end of the `with`."""

    process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()


class Server(Started):
    """A candidate behind Waitress."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        more: Mapping[str, str] | None = None,
        *,
        threads: int = 4,
        rate: int = NO_LIMIT,
    ) -> None:
        self.candidate, self.database = candidate, database
        self.log = database.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                candidate.serve_command(threads),
                cwd=ROOT,
                env=environment(database, {**candidate.environment, **(more or {})}, rate=rate),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @cached_property
    def port(self) -> int:
        """Known once it listens, which this waits for."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        found = re.search(r"127\.0\.0\.1:([0-9]+)", line)
        if not found:
            sys.exit(f"{self.candidate.name} did not start:\n{self.log.read_text()}")
        return int(found[1])

    def resident_bytes(self) -> int:
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size


class Worker(Started):
    """A candidate that answers requests without a socket, and says what each cost."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        more: Mapping[str, str] | None = None,
        *,
        first: str = "",
        before: str = "",
    ) -> None:
        """`first` and `before` name functions to call as `MODULE:FUNCTION`; see `worker.py`."""
        self.name = candidate.name
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker", candidate.module),
                *(f"--first={first}", f"--before={before}"),
            ],
            cwd=ROOT,
            env=environment(database, {**candidate.environment, **(more or {})}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, request: dict[str, Any], times: int) -> dict[str, float]:
        """Microseconds of one request: `cpu` of the process, and `wall`."""
        to, back = self.process.stdin, self.process.stdout
        line = ""
        if to and back and self.process.poll() is None:
            print(json.dumps({**request, "times": times}), file=to, flush=True)
            line = back.readline()
        if not line:
            sys.exit(f"{self.name} did not answer as it should; what it printed tells why.")
        answer: dict[str, float] = json.loads(line)
        return answer


def shares_of_time(candidate: Candidate, place: Place) -> dict[str, float]:
    """What has which share of the CPU of a push."""
    return json.loads(  # type: ignore[no-any-return]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.profile", candidate.module],
            cwd=ROOT,
            env=environment(place.database(f"{candidate.name} profile"), candidate.environment),
            check=True,
            input=json.dumps(place.push) + "\n",
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    )
