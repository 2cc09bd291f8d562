"""Selections: the rows of a confirmation page, and how far the action on them is.

They are in the cache, because 40,000 ids are more than a form should send; the pages send a token.
Keys: `selection.<owner>.<slot>` has the fields of a selection, and `<token>.<number>` the rows of a
batch, so that a step reads only its own.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from secrets import token_urlsafe
from typing import Any, Self

from django.core.cache import cache
from django.db import Error

MAX_AGE = 30 * 60  # seconds since the confirmation page or the last batch
BATCH = 500  # rows; a statement of SQL Server takes 2100 parameters
MAX_KEPT = 5  # selections of a user and a model; more would fill the cache

Rows = dict[str, str]  # the shown status of each id


@dataclass
class Selection:
    action: str
    key: str = ""
    token: str = field(default_factory=token_urlsafe)
    created: float = field(default_factory=time.time)
    counts: dict[str, int] = field(default_factory=dict)  # rows by status
    done: int = 0  # rows of the batches that ran
    changed: int = 0
    is_finished: bool = False

    @classmethod
    def create(cls, owner: str, action: str, rows: Iterable[tuple[Any, str]]) -> Self:
        """Save ids and statuses; `owner` is a user and a model. Without rows, save nothing."""
        counts, pairs = Counter[str](), iter(rows)
        selection = cls(action, counts=counts)
        try:
            while batch := {str(pk): status for pk, status in islice(pairs, BATCH)}:
                # Rows that are confirmed after 29 minutes are kept until their batch.
                cache.set(f"{selection.token}.{counts.total() // BATCH}", batch, 2 * MAX_AGE)
                counts.update(batch.values())
        except Error:  # of the query, for example a time-out
            selection.drop_rows()
            raise
        selection.counts = dict(counts.most_common())
        if counts:
            kept = cls.kept(owner)
            slots = [f"selection.{owner}.{number}" for number in range(MAX_KEPT)]
            # A free one, else that of the oldest, at last of one that waits to go on.
            ranks = {key: (each.is_begun, each.created) for key, each in kept.items()}
            selection.key = min(slots, key=lambda slot: ranks.get(slot, ()))
            if selection.key in kept:
                kept[selection.key].drop_rows()
            selection.save()
        return selection

    @classmethod
    def kept(cls, owner: str) -> dict[str, Self]:
        """Return the owner's selections by key."""
        found = cache.get_many([f"selection.{owner}.{number}" for number in range(MAX_KEPT)])
        return {key: cls(**fields) for key, fields in found.items()}

    @classmethod
    def find(cls, owner: str, action: str, token: str) -> Self | None:
        kept = cls.kept(owner).values()
        return next((each for each in kept if (each.action, each.token) == (action, token)), None)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        return self.total - self.done

    @property
    def is_begun(self) -> bool:
        return self.done > 0 and not self.is_finished

    def save(self) -> None:
        cache.set(self.key, asdict(self), MAX_AGE)

    def batches(self) -> Iterator[Rows]:
        """Yield the rows that are left, until the stop; `end_batch` after each."""
        while rows := cache.get(f"{self.token}.{self.done // BATCH}"):  # the cache may lose them
            if cache.get(f"{self.token}.stop"):
                return
            yield rows

    def end_batch(self, rows: Rows, changed: int) -> None:
        number = self.done // BATCH
        self.done += len(rows)
        self.changed += changed
        self.save()
        cache.delete(f"{self.token}.{number}")

    def finish(self) -> None:
        """Keep the result only, to show it again."""
        self.is_finished = True
        self.drop_rows()
        self.save()

    def drop_rows(self) -> None:
        numbers = range(self.done // BATCH, self.total // BATCH + 1)
        cache.delete_many([f"{self.token}.{number}" for number in numbers])
