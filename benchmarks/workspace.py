"""Temporary databases with API keys, and the environment of candidates."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BODY = (ROOT / "docs" / "examples" / "queue-item.json").read_text(encoding="utf-8")

SECRET_KEY = secrets.token_urlsafe(50)

# Requests per day. Never reached, but counted.
NO_LIMIT = 100_000_000

# Each of another client of the API.
KEYS = [secrets.token_urlsafe(32) for _ in range(100)]

SET_UP = f"""
from django.contrib.auth.models import User
from django.test import Client as Browser
from security.models import ApiKey, Client
for number, key in enumerate({KEYS}):
    ApiKey.objects.import_secret(f"Client {{number}}", key)
Client.objects.update(may_read=True)
browser = Browser()
browser.force_login(User.objects.create_superuser("anna"))
print(browser.cookies["sessionid"].value)
"""


class Workspace:
    """A folder with a migrated template database that has `KEYS`, and copies of it.

    `session` is the id of a superuser's session.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite3"
        self.manage("migrate", "--verbosity", "0")
        self.session = self.manage("shell", "--verbosity", "0", "--command", SET_UP).strip()

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

    def database(self, name: str) -> Path:
        """Copy the template."""
        return Path(shutil.copy(self.template, self.folder / f"{name}.sqlite3".replace(" ", "-")))


def headers(key: str = KEYS[0], client: int = 0) -> dict[str, str]:
    """Return the headers of a request with this key, from the client IP of this number."""
    return {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "X-API-Key": key,
        "X-Forwarded-For": f"203.0.113.{client}",
    }


# The contract's example request, as a parameter of `Worker.measure`.
PUSH = {"method": "POST", "path": "/api/queue", "headers": headers(), "body": BODY, "status": 201}


def get(path: str, session: str = "") -> dict[str, Any]:
    """Return a request, as a parameter of `Worker.measure`."""
    sent = {**headers(), "Cookie": f"sessionid={session}"}
    return {"method": "GET", "path": path, "headers": sent, "status": 200}


def environment(
    database: Path, extra: Mapping[str, str] | None = None, *, rate: int = NO_LIMIT
) -> dict[str, str]:
    """Return the environment of production behind IIS, on SQLite.

    `DATABASE`, `RATE` and `API_KEY` are for the other candidates.
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
        "API_KEY": KEYS[0],
        **(extra or {}),
    }
