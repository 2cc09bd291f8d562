"""Refresh the caches that were used and write `last_used` in the background."""

import logging
from threading import Event, Thread

from django.db import close_old_connections

from security.models import ApiKey
from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache

logger = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds
CACHES = api_key_cache, ban_cache, api_failure_cache


class RefreshThread(Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopping = Event()

    def run(self) -> None:
        while not self.stopping.wait(INTERVAL):
            refresh()
        refresh()  # the last uses

    def stop(self) -> None:
        """Write the last uses, unless the database takes longer than `INTERVAL`."""
        self.stopping.set()
        self.join(INTERVAL)


def refresh() -> None:
    """Write `last_used` and refresh the caches that were used; log errors."""
    refreshes = [cache.refresh for cache in CACHES if cache.was_used]
    for work in (close_old_connections, ApiKey.objects.write_last_used, *refreshes):
        try:
            work()
        except Exception:  # drivers raise their own, too
            logger.exception("Could not refresh the caches or write last_used; trying again")
