"""Answers of the database, remembered for a few seconds."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from django.db import transaction

K = TypeVar("K")
V = TypeVar("V")

# A change by another process is seen within 5 seconds; this leaves 2 for the query and the clock.
MAX_AGE = 3.0
# At some hundred bytes each. Reached only by a flood from so many addresses.
MAX_ENTRIES = 20_000


class QueryCache(Generic[K, V]):
    """A process's memory of what `load` answered, at most `MAX_AGE` seconds old.

    `None` is not remembered: a flood of guesses must not push out what matters. Whoever changes
    the rows behind an answer calls `forget` afterwards, so that this process sees it at once.
    """

    def __init__(self, load: Callable[[K], V | None]) -> None:
        self.load = load
        self._answers: dict[K, tuple[float, V]] = {}
        self._lock = Lock()
        self._forgotten = 0

    def get(self, key: K) -> V | None:
        now = monotonic()
        answer = self._answers.get(key)
        if answer is not None and now - answer[0] < MAX_AGE:
            return answer[1]
        forgotten = self._forgotten
        value = self.load(key)
        if value is not None:
            with self._lock:
                # What was read before a change must not be kept after it.
                if forgotten == self._forgotten:
                    if len(self._answers) >= MAX_ENTRIES:
                        self._answers.clear()
                    self._answers[key] = (now, value)
        return value

    def invalidate(self, key: K) -> None:
        self._drop(key)
        # Until the change is committed, another thread may read what was before it.
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(lambda: self._drop(key))

    def invalidate_all(self) -> None:
        self._drop_all()
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(self._drop_all)

    def _drop(self, key: K) -> None:
        with self._lock:
            self._forgotten += 1
            self._answers.pop(key, None)

    def _drop_all(self) -> None:
        with self._lock:
            self._forgotten += 1
            self._answers.clear()
