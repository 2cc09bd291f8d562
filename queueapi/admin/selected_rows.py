"""The rows that a person is asked about before an action on many."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any, Self
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet

MAX_AGE = 30 * 60  # seconds that a confirmation page is good for
BATCH = 500  # SQL Server takes 2100 parameters a statement


@dataclass
class SelectedRows:
    """Ids of rows, as hexadecimal digits, by the status in which they were shown.

    Kept in the cache as JSON, not in the page: 40,000 ids are more than a form should post.
    """

    owner: Any
    action: str
    ids: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def take(cls, owner: Any, action: str, rows: QuerySet, status_field: str) -> Self:
        selection = cls(owner, action)
        for pk, status in rows.order_by().values_list("pk", status_field).iterator():
            selection.ids.setdefault(status, []).append(pk.hex)
        return selection

    @property
    def counts(self) -> Counter[str]:
        return Counter({status: len(ids) for status, ids in self.ids.items()})

    def batches(self, size: int = BATCH) -> Iterator[tuple[str, list[UUID]]]:
        for status, ids in self.ids.items():
            for first in range(0, len(ids), size):
                yield status, [UUID(pk) for pk in ids[first : first + size]]

    def keep(self) -> str:
        """Put it aside, and return the name by which `claim` finds it.

        A person has one of each action, so that nobody fills the cache.
        """
        name = token_urlsafe(16)
        cache.set(self._place(self.owner, self.action), [name, self.ids], MAX_AGE)
        return name

    @classmethod
    def claim(cls, name: str, owner: Any, action: str) -> "SelectedRows | None":
        """The selection of that name, once; `None` if it is another's, too old, or taken."""
        place = cls._place(owner, action)
        kept_name, ids = cache.get(place, ["", {}])
        # Two clicks on the button: only one of them finds it to delete.
        return cls(owner, action, ids) if name == kept_name and cache.delete(place) else None

    @staticmethod
    def _place(owner: Any, action: str) -> str:
        return f"selection.{owner}.{action}"
