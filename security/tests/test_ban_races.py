"""Bans by many threads at once, each with its own connection."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection

from queueapi.tests.helpers import TIMEOUT, Api
from security.models import BannedIP

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
T = TypeVar("T")


def in_threads(work: Callable[[], T]) -> list[T]:
    """Call `work` in all threads at the same time, and return the results."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> T:
        start.wait(TIMEOUT)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def test_guesses_are_limited_to_ban_after_plus_the_threads(api: Api) -> None:
    def guess() -> list[int]:
        return [api.post("/api/queue", {}, X_API_Key=f"wrong {n}").status_code for n in range(20)]

    codes = [code for each in in_threads(guess) for code in each]
    assert set(codes) == {401, 403}
    assert codes.count(401) <= 5 + THREADS
    assert BannedIP.objects.count() == 1


def test_threads_that_ban_at_once_create_one_ban() -> None:
    hour = timedelta(hours=1)
    bans = in_threads(lambda: BannedIP.objects.ban("203.0.113.9", hour, "raced").pk)
    assert len(set(bans)) == 1
    assert BannedIP.objects.count() == 1
