"""Health, for load balancers and monitors, which have no key and send an IP as Host.

`/healthz`: this process responds. `/readyz`: so do its database and its cache.
"""

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

# Seconds from the start of a probe until a response is sent without its result, within 2.
WAIT = 1.5
# Seconds from the start of a probe until the next may start, so that no number of requests can make
# us ask more often. Longer than `WAIT`, for requests that are queued behind one that waited.
KEEP = 2.0


class Probe:
    """A check in a thread of its own, of which one runs at a time, because it may hang.

    `check` returns lines for the response, and `failure` is what they are if it fails.
    """

    def __init__(self, check: Callable[[], str], failure: str) -> None:
        self.check = check
        self.failure = failure
        self.text = ""
        self.thread = Thread()
        self.lock = Lock()
        self.deadline = self.expires = 0.0

    def start(self) -> None:
        """Start the check, unless it still runs or began less than `KEEP` seconds ago."""
        with self.lock:
            if monotonic() >= self.expires and not self.thread.is_alive():
                self.deadline = monotonic() + WAIT
                self.expires = monotonic() + KEEP
                self.thread = Thread(target=self.run, daemon=True)
                self.thread.start()

    def run(self) -> None:
        try:
            self.text = self.check()
        except Exception:  # drivers raise their own, too
            logger.exception("A probe failed")
            self.text = self.failure % "failed"

    def wait(self) -> str:
        """Return the result if it is there `WAIT` seconds after the start."""
        self.thread.join(max(0, self.deadline - monotonic()))
        hangs = f"no response within {WAIT} seconds"
        return self.failure % hangs if self.thread.is_alive() else self.text


def check_database() -> str:
    # A connection of this thread, hence a new one: an old one may work although the file is gone.
    with closing(connections["default"]) as connection:
        if connection.vendor == "sqlite":
            Path(connection.settings_dict["NAME"]).stat()  # SQLite would create the file
        loader = MigrationLoader(connection)
    missing = loader.disk_migrations.keys() - loader.applied_migrations.keys()
    return f"database: ok\nmigrations: {'missing' if missing else 'ok'}\n"


def check_cache() -> str:
    cache.set("queueapi.health", True, KEEP)  # a write, as counters are
    return "cache: ok\n"


PROBES = [
    Probe(check_database, "database: %s\nmigrations: unknown\n"),
    Probe(check_cache, "cache: %s\n"),
]


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    text = "ok\n" if request.path_info == "/healthz" else readiness()
    # Without a cache pushes pass; they are not counted.
    status = 200 if text.startswith(("ok", "database: ok\nmigrations: ok")) else 503
    headers = {"Cache-Control": "no-store", "Content-Length": str(len(text))}
    response: Any = HttpResponse(text, "text/plain", status, headers=headers)
    response._has_been_logged = True  # Django would log each 503 of an outage
    return response  # type: ignore[no-any-return]


def readiness() -> str:
    """Return the results of the probes, which start together."""
    for probe in PROBES:
        probe.start()
    return "".join([probe.wait() for probe in PROBES])
