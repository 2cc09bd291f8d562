from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, cast

import pytest
from django.db import transaction

from queueapi.tests.helpers import TIMEOUT
from security import cache
from security.cache import TableCache


class Table:
    """Rows with a key and a value, and a list of the queries for them."""

    def __init__(self, **rows: str) -> None:
        self.rows = rows
        self.queries: list[str] = []
        self.cache: TableCache[str] = TableCache("key", lambda: cast(Any, Rows(self, "all")))
        self.after_read: Callable[[], None] = lambda: None


class Rows:
    """The methods of a queryset that the cache calls."""

    def __init__(self, table: Table, query: str, part: slice = slice(None)) -> None:
        self.table, self.query, self.part = table, query, part

    def filter(self, key: str) -> "Rows":
        return Rows(self.table, key)

    def __getitem__(self, part: slice) -> "Rows":
        return Rows(self.table, self.query, part)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.table.queries.append(self.query)
        self.read = [row for row in self.table.rows.items() if self.query in {"all", row[0]}]
        self.table.after_read()
        return iter(self.read[self.part])

    def __len__(self) -> int:
        return len(self.read[self.part])

    def count(self) -> int:
        self.table.queries.append("count")
        return len(self.table.rows)


@contextmanager
def paused(table: Table, read: Callable[[], object]) -> Iterator[None]:
    """Read in another thread, which has read the rows when the block begins, and ends after it."""
    has_read, end = Event(), Event()

    def pause() -> None:
        has_read.set()
        assert end.wait(TIMEOUT)

    table.after_read = pause
    thread = Thread(target=read)
    thread.start()
    assert has_read.wait(TIMEOUT)
    table.after_read = lambda: None
    yield
    end.set()
    thread.join()


class Clock:
    """Advance by a millisecond at each call."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache, "perf_counter", clock)
    return clock


def test_it_works() -> None:
    table = Table(a="A", b="B")
    assert [table.cache.get(key) for key in "abc"] == ["A", "B", None]
    assert table.queries == ["all"]


def test_values_expire_after_max_age(clock: Clock) -> None:
    table = Table(a="A")
    table.cache.get("a")
    table.rows.clear()
    clock.now += cache.MAX_AGE
    assert table.cache.get("a") is None


def test_max_age_is_below_the_promised_5_seconds() -> None:
    assert cache.MAX_AGE < 5


def test_invalidate_changes_one_key() -> None:
    table = Table(a="A", b="B")
    table.cache.get("a")
    table.rows["a"] = "new"
    table.cache.invalidate("a")
    assert [table.cache.get(key) for key in "abab"] == ["new", "B", "new", "B"]
    assert table.queries == ["all", "a"]


def test_a_deleted_row_is_no_longer_cached_after_an_invalidation() -> None:
    table = Table(a="A")
    table.cache.get("a")
    table.rows.clear()
    table.cache.invalidate("a")
    assert [table.cache.get("a"), table.cache.get("a")] == [None, None]
    assert table.queries == ["all", "a"]


def test_a_value_read_before_an_invalidation_is_not_cached() -> None:
    table = Table(a="old")
    table.cache.get("a")
    table.cache.invalidate("a")
    with paused(table, lambda: table.cache.get("a")):
        table.rows["a"] = "new"
        table.cache.invalidate("a")
    assert table.cache.get("a") == "new"


def test_a_refresh_does_not_undo_an_invalidation_meanwhile() -> None:
    table = Table(a="old")
    table.cache.get("a")
    with paused(table, table.cache.refresh):
        table.rows["a"] = "new"
        table.cache.invalidate("a")
    assert table.cache.get("a") == "new"


def test_a_refresh_that_began_earlier_does_not_replace_a_later_one() -> None:
    table = Table(a="old")
    table.cache.get("a")
    with paused(table, table.cache.refresh):
        table.rows["a"] = "new"
        table.cache.refresh()
    assert table.cache.get("a") == "new"


def test_young_values_are_returned_during_a_refresh() -> None:
    table = Table(a="A")
    table.cache.get("a")
    with paused(table, table.cache.refresh):
        assert table.cache.get("a") == "A"


def test_keys_are_looked_up_if_there_are_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(a="A", b="B", c="C")
    table.cache.max_rows = 2
    table.cache.get("a")
    table.rows["d"] = "D"
    assert [table.cache.get(key) for key in "dede"] == ["D", None, "D", None]
    assert table.queries == ["all", "d", "e"]


def test_too_many_rows_are_counted_before_they_are_read_again() -> None:
    table = Table(a="A", b="B", c="C")
    table.cache.max_rows = 2
    table.cache.refresh()
    table.cache.refresh()
    del table.rows["c"]
    table.cache.refresh()
    assert table.cache.get("d") is None
    assert table.queries == ["all", "count", "count", "all"]


def test_looked_up_values_expire_after_max_age(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(a="A")
    table.cache.max_rows = 0
    assert table.cache.get("b") is None
    table.rows["b"] = "B"
    clock.now += cache.MAX_AGE
    assert table.cache.get("b") == "B"


@pytest.mark.django_db(transaction=True)
def test_a_value_read_before_the_commit_is_not_cached_after_it() -> None:
    table = Table(a="old")
    with transaction.atomic():
        table.cache.invalidate("a")
        assert table.cache.get("a") == "old"
    table.rows["a"] = "new"
    assert table.cache.get("a") == "new"
