"""Counters of this process, in a real Redis and in local memory."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.utils.connection import ConnectionProxy
from pytest_django import Settings
from redis import StrictRedis
from redis.exceptions import RedisError

from queueapi.api.limits import Limit
from queueapi.tests.helpers import TIMEOUT, Api
from queueapi.tests.redis_server import Redis
from queues.views import QueueItemBulkViewSet
from security.models import Client
from security.tests.helpers import ITEM
from security.throttling import ClientRateThrottle, counted_items

pytestmark = pytest.mark.django_db

counters = ConnectionProxy(caches, "counters")  # as Django's `cache` of "default"


def use_redis(settings: Settings, redis: Redis, timeout: float = TIMEOUT) -> None:
    shared = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{redis.port}",
        "OPTIONS": {"socket_connect_timeout": timeout, "socket_timeout": timeout},
    }
    settings.CACHES = {
        "default": shared,
        "counters": {**shared, "BACKEND": "security.counters.RedisCounters"},
    }
    settings.CACHE_ERRORS = (OSError, RedisError, ValueError)


@pytest.fixture
def server(settings: Settings, redis: Redis) -> Iterator[StrictRedis]:
    """Use a Redis, and return a client of it."""
    use_redis(settings, redis)
    with StrictRedis.from_url(redis.url) as client:
        yield client


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of django-ratelimit, so that a test runs in one window."""
    clock = SimpleNamespace(time=lambda: 1_800_000_000.0)
    monkeypatch.setattr("django_ratelimit.core.time", clock)


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Set a limit of items whose window hardly ends within a test."""
    limit = Limit("items", "1000/d", "may_push")
    monkeypatch.setattr(QueueItemBulkViewSet, "item_limit", limit)
    return limit


def remaining(api: Api) -> str | None:
    """Push an item, and return how many are left; `None` if it was not counted."""
    response = api.post("/api/queue", ITEM)
    assert response.status_code == 201
    return response.headers.get("RateLimit-Remaining")


def count(key: str, number: int = 1) -> int:
    counters.add(key, 0, 60)
    result: int = counters.incr(key, number)
    return result


def test_it_works(api: Api, server: StrictRedis) -> None:
    assert [remaining(api) for _ in range(3)] == ["999", "998", "997"]


@pytest.mark.parametrize(
    ("path", "body", "counts"),
    [
        ("/api/queue", ITEM, 1),
        ("/api/queue/bulk", {"items": [ITEM]}, 2),  # of requests, and of items
    ],
)
def test_each_counter_takes_one_round_trip(
    api: Api, server: StrictRedis, path: str, body: dict[str, Any], counts: int
) -> None:
    api.post(path, body)  # connects
    before = server.info()["total_reads_processed"]
    assert api.post(path, body).status_code == 201
    assert server.info()["total_reads_processed"] == before + counts + 1  # of info()


def test_each_counter_expires(api: Api, server: StrictRedis, items: Limit) -> None:
    """Twice, because only the first creates the counters."""
    for _ in range(2):
        assert api.post("/api/queue/bulk", {"items": [ITEM]}).status_code == 201
        of_requests, of_items = sorted(server.ttl(name) for name in server.scan_iter())
        assert 0 < of_requests <= 60 + 5  # django-ratelimit's, to be safe
        assert 0 < of_items - 24 * 60 * 60 <= 24 * 60 * 60  # two windows


def test_counters_of_two_keys_are_separate(server: StrictRedis) -> None:
    assert [count(key) for key in "abaab"] == [1, 1, 2, 3, 2]


def test_a_count_without_add_needs_a_counter(server: StrictRedis) -> None:
    counters.add("a", 0, 60)
    with pytest.raises(ValueError, match="not found"):
        counters.incr("b")
    assert count("a") == 1
    assert counters.incr("a") == 2
    assert counters.decr("a") == 1


def test_threads_count_exactly(server: StrictRedis) -> None:
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(count, ["a"] * 400))
    assert sorted(counts) == list(range(1, 401))


def test_a_version_with_djangos_backend_counts_in_the_same_counters(server: StrictRedis) -> None:
    assert cache.add("a", 1, 60)
    assert count("a") == 2
    assert not cache.add("a", 1, 60)
    assert cache.incr("a") == 3
    assert cache.get("a") == counters.get("a") == 3


def test_items_that_were_not_written_are_uncounted(server: StrictRedis, items: Limit) -> None:
    request: Any = SimpleNamespace(user=Client.objects.create(name="ERP"))
    with pytest.raises(RuntimeError), counted_items(request, items, 7):
        raise RuntimeError
    with counted_items(request, items, 2):
        assert [server.get(name) for name in server.scan_iter()] == [b"2"]


def test_items_are_not_uncounted_after_their_window(server: StrictRedis, items: Limit) -> None:
    request: Any = SimpleNamespace(user=Client.objects.create(name="ERP"))

    def fail_late() -> None:
        with counted_items(request, items, 7):
            server.flushdb()  # as the counter expires
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()
    assert server.dbsize() == 0


# Failures.


def plant(server: StrictRedis, write: Callable[[bytes], object]) -> None:
    (name,) = server.scan_iter()
    server.delete(name)
    write(name)


FAILURES: dict[str, Callable[[StrictRedis], object]] = {
    "it is full": lambda server: server.config_set("maxmemory", 1),
    "it is a replica": lambda server: server.replicaof("127.0.0.1", "1"),
    "a counter is a text": lambda server: plant(server, lambda name: server.set(name, "x")),
    "a counter is a list": lambda server: plant(server, lambda name: server.rpush(name, "x")),
    "its commands are forbidden": lambda server: server.acl_setuser(
        "default", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-expire"]
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_pushes_pass_while_redis_does_not_count(
    api: Api, server: StrictRedis, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert remaining(api) == "999"
    FAILURES[failure](server)
    assert [remaining(api) for _ in range(3)] == [None] * 3
    assert caplog.text.count("The cache is away") == 1


def test_pushes_pass_while_redis_hangs(
    api: Api, redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    use_redis(settings, redis, timeout=0.1)
    redis.process.send_signal(signal.SIGSTOP)
    assert [remaining(api) for _ in range(5)] == [None] * 5
    assert caplog.text.count("The cache is away") == 1


def test_a_late_reply_is_not_that_of_the_next_count(redis: Redis, settings: Settings) -> None:
    use_redis(settings, redis, timeout=1)
    assert count("a", 5) == 5
    redis.process.send_signal(signal.SIGSTOP)
    with pytest.raises(RedisError):
        count("a", 5)
    redis.process.send_signal(signal.SIGCONT)
    assert count("b") == 1


def test_a_redis_that_was_restarted_counts_from_0_at_once(
    api: Api, redis: Redis, server: StrictRedis
) -> None:
    assert [remaining(api) for _ in range(2)] == ["999", "998"]
    redis.stop()
    redis.start()
    assert remaining(api) == "999"


def test_counting_begins_again_after_the_pause(api: Api, redis: Redis, server: StrictRedis) -> None:
    redis.stop()
    assert remaining(api) is None
    redis.start()
    ClientRateThrottle.retry_at = 0.0  # as after RETRY_SECONDS
    assert remaining(api) == "999"


# Local memory.


def test_other_data_does_not_push_out_counters() -> None:
    assert counters.add("a", 1, 60)
    cache.clear()
    assert counters.incr("a") == 2
