"""Caches of active keys, active bans and failed attempts, each as a whole.

A thread refreshes the caches in use every two seconds, so that few requests have to.
"""

from collections.abc import Callable
from math import inf
from threading import Lock
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import transaction
from django.db.models import QuerySet

V = TypeVar("V")

# Seconds after which a request reads the rows itself. A change by another process takes effect
# within 5; this leaves 1 for the request.
MAX_AGE = 4.0
STALE: Any = object()  # instead of the value of a key that has to be looked up


class Snapshot(NamedTuple, Generic[V]):
    began: float  # when the query began, in seconds of `perf_counter()`
    values: dict[str, V | None]
    other: V | None  # the value of other keys: `None`, or `STALE` if there are too many rows


class TableCache(Generic[V]):
    """Cache the rows of a queryset by `field`, for at most `MAX_AGE` seconds.

    `pair` returns the key and the value of a row. If there are more than `max_rows`, the keys that
    are asked for are looked up and cached one at a time.
    """

    # 10,000 bans take as long to read as 40 lookups, the number in two seconds if 100 clients push
    # every five. With more rows, lookups take less.
    max_rows = 10_000

    def __init__(
        self, field: str, rows: Callable[[], QuerySet], pair: Callable[[Any], tuple[str, V]] = tuple
    ) -> None:
        self.field, self.rows, self.pair = field, rows, pair
        self._lock = Lock()
        self._invalidated: dict[str, float] = {}  # the times, since the last refresh began
        self.was_used = False  # since the last refresh began
        self._snapshot: Snapshot[V] = Snapshot(-inf, {}, None)

    def get(self, key: str) -> V | None:
        self.was_used = True
        if perf_counter() - self._snapshot.began > MAX_AGE:
            self.refresh()
        _, values, other = self._snapshot
        value = values.get(key, other)
        return self._look_up(key, values) if value is STALE else value

    def _look_up(self, key: str, values: dict[str, V | None]) -> V | None:
        began = perf_counter()
        rows = self.rows().filter(**{self.field: key})[:1]
        value = dict(map(self.pair, rows)).get(key)
        with self._lock:
            # A value that was read before a change must not be cached after it.
            if self._invalidated.get(key, -inf) < began:
                values[key] = value
        return value

    def refresh(self) -> None:
        """Read the rows, unless there are too many; other threads use the previous ones."""
        self.was_used = False
        began = perf_counter()
        rows = self.rows()[: self.max_rows + 1]
        # If there were too many, count before reading them.
        too_many = self._snapshot.other is STALE and rows.count() > self.max_rows
        values: dict[str, V | None] = {} if too_many else dict(map(self.pair, rows))
        other = STALE if too_many or len(rows) > self.max_rows else None
        with self._lock:
            if began > self._snapshot.began:
                since = {key: time for key, time in self._invalidated.items() if time >= began}
                self._invalidated = since
                self._snapshot = Snapshot(began, values | dict.fromkeys(since, STALE), other)

    def invalidate(self, *keys: str) -> None:
        """Look these keys up again, because their rows changed in this process."""

        def mark() -> None:
            with self._lock:
                self._invalidated.update(dict.fromkeys(keys, perf_counter()))
                self._snapshot.values.update(dict.fromkeys(keys, STALE))

        mark()
        # Until the change is committed, another thread may read and cache the rows before it.
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(mark)
