"""Groups of failed items whose messages differ in numbers and ids only."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from queueapi.database.model_fields import TextStart
from queues.models import QueueItem, QueueItemQuerySet

MOST_GROUPED = 10_000  # items
COMPARED = 200  # characters of a message
# What differs from item to item: a UUID, a word with @, 8 or more hexadecimal digits, and words
# with a digit, also several with a separator between them, such as a date or an IP address.
VARIABLE = re.compile(
    r"\{?\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b\}?"
    r"|(?<!\S)[^\s@]+@\S+"
    r"|\b[0-9a-f]{8,}\b"
    r"|\b\w*\d\w*(?:[-.,:/]\w*\d\w*)*",
    re.IGNORECASE,
)


@dataclass
class FailureGroup:
    """Failed items with one pattern, the newest first."""

    pattern: str
    example: str  # the start of the newest message
    last: datetime
    first: datetime
    ids: list[UUID] = field(default_factory=list)
    queues: dict[str, None] = field(default_factory=dict)  # their names

    @property
    def key(self) -> str:
        """Return the pattern as a short text for a URL."""
        return sha256(self.pattern.encode()).hexdigest()[:16]


def pattern(message: str) -> str:
    """Return the first `COMPARED` characters, and the rest of their last word, without numbers."""
    start = re.match(rf".{{0,{COMPARED}}}\S*", message, re.DOTALL)
    return VARIABLE.sub("#", " ".join(start[0].split())) if start else ""


def group_failures(items: QueueItemQuerySet) -> tuple[list[FailureGroup], bool]:
    """Return groups of the newest FAILED items, the newest group first, and whether more failed."""
    failed = items.filter(status=QueueItem.Status.FAILED).order_by(QueueItem.ended().desc(), "pk")
    # With room for the rest of the last word.
    start = TextStart("message", COMPARED + 100)
    rows = list(
        failed.values_list("pk", "queue_name", QueueItem.ended(), start)[: MOST_GROUPED + 1]
    )
    groups: dict[str, FailureGroup] = {}
    for pk, queue_name, ended, message in rows[:MOST_GROUPED]:
        key = pattern(message or "")
        group = groups.setdefault(key, FailureGroup(key, message or "", ended, ended))
        group.ids.append(pk)
        group.first = ended
        group.queues[queue_name] = None
    return list(groups.values()), len(rows) > MOST_GROUPED
