"""Numbers of queue items, by grouped queries that read one index and no row.

With millions of rows they take most of a second, so they are cached for `MAX_AGE`. The cache holds
JSON, hence times are ISO 8601 texts here.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count, DateTimeField, Func, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from queues.models import QueueItem, QueueItemQuerySet

MAX_AGE = 15  # seconds
DAYS = 14  # of the chart
STATISTICS, NAMES = "queues.queue_statistics", "queues.names"  # cache keys

Status = QueueItem.Status


@dataclass
class Queue:
    """Numbers of one queue's items; `created`, `done` and `failed` are of the last 24 hours."""

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    oldest_new: str | None = None
    created: int = 0
    done: int = 0
    failed: int = 0

    @property
    def failure_share(self) -> float | None:
        """The failed share of the ended items, from 0 to 1; `None` if no item ended."""
        ended = self.done + self.failed
        return self.failed / ended if ended else None


@dataclass
class Statistics:
    """Numbers at the time `taken`; `created`, `done` and `failed` are by hour, for `DAYS`."""

    taken: str
    queues: list[Queue]
    created: dict[str, int]
    done: dict[str, int]
    failed: dict[str, int]

    @property
    def yesterday(self) -> datetime:
        """The time 24 hours before `taken`."""
        return datetime.fromisoformat(self.taken) - timedelta(hours=24)


class Hour(TruncHour):
    """`TruncHour` without Django's Python function on SQLite (`django_datetime_trunc`).

    It is ten times faster.
    """

    output_field = DateTimeField()

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> Any:
        hour = Func(*self.source_expressions, template="substr(%(expressions)s, 1, 13) || ':00:00'")
        return hour.as_sql(compiler, connection, **kwargs)


def statistics() -> Statistics:
    """Return numbers that are at most `MAX_AGE` seconds old."""
    numbers = _cached(STATISTICS, lambda: asdict(count()))
    return Statistics(**numbers | {"queues": [Queue(**queue) for queue in numbers["queues"]]})


def queue_names() -> list[str]:
    """Return the names of queues with items, at most `MAX_AGE` seconds old."""
    rows = QueueItem.objects.order_by().values_list("queue_name", flat=True).distinct()
    names: list[str] = _cached(NAMES, lambda: sorted(rows, key=str.casefold))
    return names


def invalidate() -> None:
    """Clear the cached numbers, so that staff see the result of an action."""
    with suppress(*settings.CACHE_ERRORS):  # they expire anyway
        cache.delete_many([STATISTICS, NAMES])


def _cached(key: str, load: Callable[[], Any]) -> Any:
    try:
        return cache.get_or_set(key, load, MAX_AGE)
    except settings.CACHE_ERRORS:
        return load()


def count() -> Statistics:
    """Return the numbers from the database."""
    now = timezone.now()
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    ended = QueueItem.objects.ended_between(first, None)
    return Statistics(
        taken=now.isoformat(),
        queues=count_queues(now - timedelta(hours=24)),
        created=by_hour(QueueItem.objects.filter(created_date__gte=first), "created_date"),
        done=by_hour(ended.filter(status=Status.DONE), QueueItem.ended()),
        failed=by_hour(ended.filter(status=Status.FAILED), QueueItem.ended()),
    )


def by_hour(items: QueueItemQuerySet, moment: Any) -> dict[str, int]:
    """Return the number of items for each hour of the expression `moment`."""
    rows = items.values_list(Hour(moment)).annotate(number=Count("*")).order_by()
    return {hour.isoformat(): number for hour, number in rows}


def count_queues(yesterday: datetime) -> list[Queue]:
    """Return the queues that have items, in alphabetical order."""
    queues: dict[str, Queue] = {}
    rows = (
        QueueItem.objects.alias(ended_at=QueueItem.ended())
        .values("status", "queue_name")
        .annotate(
            number=Count("*"),
            oldest=Min("created_date"),
            created=Count("status", filter=Q(created_date__gte=yesterday)),
            ended_lately=Count("status", filter=Q(ended_at__gte=yesterday)),
        )
    )
    for row in rows.order_by():
        queue = queues.setdefault(row["queue_name"], Queue(row["queue_name"]))
        queue.counts[row["status"]] = row["number"]
        queue.created += row["created"]
        if row["status"] == Status.NEW:
            queue.oldest_new = row["oldest"].isoformat()
        elif row["status"] == Status.DONE:
            queue.done = row["ended_lately"]
        elif row["status"] == Status.FAILED:
            queue.failed = row["ended_lately"]
    return sorted(queues.values(), key=lambda queue: queue.name.casefold())
