"""Temporary databases with an API key, and the environment of candidates."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BODY = ROOT / "docs" / "examples" / "queue-item.json"

SECRET_KEY = secrets.token_urlsafe(50)

# Requests per day. Never reached, but counted.
NO_LIMIT = 100_000_000

SIGN_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("anna"))
print(client.cookies["sessionid"].value)
"""


class Workspace:
    """A folder with a migrated template database that has one API key, and copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"
        self.manage("migrate", "--verbosity", "0")
        self.key = self.manage("create_api_key", "Benchmark", "--expires", "never").strip()
        self.manage("limit_client", "Benchmark", "--allow", "push", "read")

    def manage(self, *arguments: str) -> str:
        """Run a `manage.py` command on the template; return its output."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(self.template),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def sign_in(self) -> None:
        """Add a superuser to the template, and set `session` to the id of its session."""
        self.session = self.manage("shell", "--verbosity", "0", "--command", SIGN_IN).strip()

    def database(self, name: str) -> Path:
        """Copy the template."""
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
        """The contract's example request, as a parameter of `Worker.measure`."""
        body = BODY.read_text(encoding="utf-8")
        request = {"method": "POST", "path": "/api/queue", "headers": self.headers}
        return {**request, "body": body, "status": 201}


def environment(
    database: Path, extra: Mapping[str, str] | None = None, *, rate: int = NO_LIMIT
) -> dict[str, str]:
    """Return the environment of production behind IIS, on SQLite.

    `DATABASE` and `RATE` are for the other candidates.
    """
    return {
        **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "queueapi.settings",
        "ENV_FILE": "",
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{database}",
        # Per day, because a minute could end between two requests of one check.
        "RATE_QUEUE": f"{rate}/d",
        "RATE_BULK": f"{rate}/d",
        "RATE_BULK_ITEMS": f"{NO_LIMIT}/d",
        "RATE_READ": f"{NO_LIMIT}/d",
        "DATABASE": str(database),
        "RATE": f"{rate}/day",
        **(extra or {}),
    }
