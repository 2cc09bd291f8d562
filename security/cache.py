"""Cache of database queries in this process."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from django.db import transaction

V = TypeVar("V")

# Seconds. A change by another process takes effect within 5; this leaves 2 for the query itself.
MAX_AGE = 3.0
# Some hundred bytes each. Only a flood from so many networks reaches this number.
MAX_ENTRIES = 20_000


class QueryCache(Generic[V]):
    """Cache what `load` returns for a key, for at most `MAX_AGE` seconds.

    `None` is not cached, so that a flood of wrong keys does not evict the right ones. Call
    `invalidate` after a change of the rows, so that this process sees it at once.
    """

    def __init__(self, load: Callable[[str], V | None]) -> None:
        self.load = load
        self._entries: dict[str, tuple[float, V]] = {}
        self._lock = Lock()
        self._invalidations = 0

    def get(self, key: str) -> V | None:
        now = monotonic()
        entry = self._entries.get(key)
        if entry is not None and now - entry[0] < MAX_AGE:
            return entry[1]
        invalidations = self._invalidations
        value = self.load(key)
        if value is not None:
            with self._lock:
                # A value that was read before a change must not be cached after it.
                if invalidations == self._invalidations:
                    if len(self._entries) >= MAX_ENTRIES:
                        self._entries.clear()
                    self._entries[key] = (now, value)
        return value

    def invalidate(self, key: str) -> None:
        self._remove(lambda: self._entries.pop(key, None))

    def invalidate_all(self) -> None:
        self._remove(self._entries.clear)

    def _remove(self, remove: Callable[[], object]) -> None:
        def invalidate() -> None:
            with self._lock:
                self._invalidations += 1
                remove()

        invalidate()
        # Until the change is committed, another thread may read and cache the row before it.
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(invalidate)
