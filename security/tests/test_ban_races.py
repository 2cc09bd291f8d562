"""Many threads with connections of their own, against one limit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from queueapi.tests.helpers import Api
from security.models import BannedIP

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16


def in_threads(work) -> list:
    """What `work` gives in each of the threads, which begin together."""
    start = threading.Barrier(THREADS)

    def run(_):
        start.wait(timeout=30)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def test_guesses_are_the_limit_plus_the_threads_at_most(api: Api) -> None:
    def guess() -> list[int]:
        return [api.post("/api/queue", {}, X_API_Key=f"wrong {n}").status_code for n in range(20)]

    codes = [code for answers in in_threads(guess) for code in answers]
    assert set(codes) == {401, 403}
    assert codes.count(401) <= 5 + THREADS
    assert BannedIP.objects.count() == 1


def test_one_ban_exists_however_many_threads_ban() -> None:
    hour = timedelta(hours=1)
    bans = in_threads(lambda: BannedIP.objects.ban("203.0.113.9", hour, "raced").pk)
    assert len(set(bans)) == 1
    assert BannedIP.objects.count() == 1
