"""Databases that our own migrations made, with a key, and the environment that goes with them."""

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

# Requests a day. Nobody reaches it: what is measured is the counting.
NO_LIMIT = 100_000_000

SIGN_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("anna"))
print(client.cookies["sessionid"].value)
"""


class Place:
    """A folder with a database that our migrations made, and one API key, for copying."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"
        self.manage("migrate", "--verbosity", "0")
        self.key = self.manage("create_api_key", "Benchmark", "--expires", "never").strip()

    def manage(self, *arguments: str) -> str:
        """What a `manage.py` command prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(self.template),
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
        # A day, since a minute could end between two requests that are to be counted together.
        "RATE_QUEUE": f"{rate}/d",
        "DATABASE": str(database),
        "RATE": f"{rate}/day",
        **(more or {}),
    }
