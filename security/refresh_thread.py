"""Refresh the caches and write `last_used` in the background, while there are requests."""

import logging
from threading import Thread
from time import sleep

from django.db import close_old_connections

from security.cache import was_used
from security.models import ApiKey
from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache

logger = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds


def start() -> None:
    Thread(target=run, daemon=True).start()


def run() -> None:
    while was_used.wait():
        sleep(INTERVAL)
        was_used.clear()
        refresh()


def refresh() -> None:
    close_old_connections()
    try:
        ApiKey.objects.write_last_used()
        for cache in (api_key_cache, ban_cache, api_failure_cache):
            cache.refresh()
    except Exception:  # drivers raise their own, too
        logger.exception("Could not refresh the caches; requests do it themselves meanwhile")
