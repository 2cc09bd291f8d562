"""Refresh the caches and write `last_used` in the background, while there are requests."""

import logging
from threading import Event, Thread

from django.db import close_old_connections

from security.cache import was_used
from security.models import ApiKey
from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache

logger = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds


class RefreshThread(Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopping = Event()

    def run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self.stopping.wait(INTERVAL)
            if was_used.is_set():
                was_used.clear()
                refresh()

    def stop(self) -> None:
        """Refresh once more, which writes the last uses, unless the database takes too long."""
        self.stopping.set()
        self.join(INTERVAL)


def refresh() -> None:
    for work in (
        close_old_connections,
        ApiKey.objects.write_last_used,
        api_key_cache.refresh,
        ban_cache.refresh,
        api_failure_cache.refresh,
    ):
        try:
            work()
        except Exception:  # drivers raise their own, too
            logger.exception("Could not refresh the caches; requests do so themselves meanwhile")
