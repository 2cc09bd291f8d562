from threading import Event, Thread

import pytest

from queueapi.tests.helpers import TIMEOUT
from security import cache
from security.cache import QueryCache


class Loader:
    """A query that returns its key in capitals, and lists the keys it was called with."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str) -> str:
        self.keys.append(key)
        return key.upper()


def test_it_works() -> None:
    load = Loader()
    cached = QueryCache(load)
    assert [cached.get("a"), cached.get("a")] == ["A", "A"]
    assert load.keys == ["a"]


def test_an_entry_expires_after_max_age(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(cache, "monotonic", lambda: now)
    load = Loader()
    cached = QueryCache(load)
    cached.get("a")
    now += cache.MAX_AGE
    cached.get("a")
    assert load.keys == ["a", "a"]


def test_max_age_is_below_the_promised_5_seconds() -> None:
    assert cache.MAX_AGE < 5


def test_invalidate_removes_one_key() -> None:
    load = Loader()
    cached = QueryCache(load)
    for key in ("a", "b"):
        cached.get(key)
    cached.invalidate("a")
    for key in ("a", "b"):
        cached.get(key)
    assert load.keys == ["a", "b", "a"]


def test_none_is_not_cached() -> None:
    keys: list[str] = []
    cached: QueryCache[str] = QueryCache(keys.append)
    cached.get("guess")
    cached.get("guess")
    assert keys == ["guess", "guess"]


def test_a_value_read_before_an_invalidation_is_not_cached() -> None:
    reading, changed = Event(), Event()
    rows = {"a": "old"}

    def load(key: str) -> str:
        value = rows[key]
        reading.set()
        changed.wait(TIMEOUT)
        return value

    cached = QueryCache(load)
    reader = Thread(target=cached.get, args=["a"])
    reader.start()
    assert reading.wait(TIMEOUT)
    rows["a"] = "new"
    cached.invalidate("a")
    changed.set()
    reader.join()
    assert cached.get("a") == "new"


def test_the_number_of_entries_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 10)
    cached = QueryCache(Loader())
    for number in range(1000):
        cached.get(str(number))
    assert len(cached._entries) <= 10
