"""What is on the queues, in numbers: grouped queries that read one index and no row.

A table of millions takes them most of a second, so their answers are cached for `MAX_AGE` seconds.
The cache holds JSON, so times are ISO 8601 texts here.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count, DateTimeField, Func, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from queues.models import QueueItem

MAX_AGE = 15  # seconds
STATISTICS, NAMES = "queues.queue_statistics", "queues.names"  # in the cache
DAYS = 14

T = TypeVar("T")
Status = QueueItem.Status


@dataclass
class Queue:
    """The items of one queue. `created`, `done` and `failed` are those of the last 24 hours."""

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    oldest_new: str | None = None
    created: int = 0
    done: int = 0
    failed: int = 0

    @property
    def failure_share(self) -> float | None:
        """From 0 to 1; `None` where nothing was done or failed."""
        ended = self.done + self.failed
        return self.failed / ended if ended else None


@dataclass
class Statistics:
    """`created`, `done` and `failed` count items by the hour in which it happened, for `DAYS`."""

    taken: str
    queues: list[Queue]
    created: dict[str, int]
    done: dict[str, int]
    failed: dict[str, int]

    @property
    def yesterday(self) -> datetime:
        """When the last 24 hours began."""
        return datetime.fromisoformat(self.taken) - timedelta(hours=24)


class Hour(TruncHour):
    """`TruncHour`, which Django's SQLite computes in Python, row by row: ten times slower."""

    output_field = DateTimeField()

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> Any:
        hour = Func(*self.source_expressions, template="substr(%(expressions)s, 1, 13) || ':00:00'")
        return hour.as_sql(compiler, connection, **kwargs)


def statistics() -> Statistics:
    """The numbers as they were at most `MAX_AGE` seconds ago."""
    numbers = _remembered(STATISTICS, lambda: asdict(count()))
    return Statistics(**numbers | {"queues": [Queue(**queue) for queue in numbers["queues"]]})


def queue_names() -> list[str]:
    """The queues that have items, likewise."""
    names = QueueItem.objects.order_by().values_list("queue_name", flat=True).distinct()
    return _remembered(NAMES, lambda: sorted(names, key=str.casefold))


def invalidate() -> None:
    """Count anew at the next look, so that people see what they did."""
    with suppress(*settings.CACHE_ERRORS):  # then it forgets by itself
        cache.delete_many([STATISTICS, NAMES])


def _remembered(key: str, answer: Callable[[], T]) -> T:
    try:
        known: T | None = cache.get(key)
    except settings.CACHE_ERRORS:
        return answer()
    if known is None:
        known = answer()
        with suppress(*settings.CACHE_ERRORS):
            cache.set(key, known, MAX_AGE)
    return known


def count() -> Statistics:
    now = timezone.now()
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    created = QueueItem.objects.filter(created_date__gte=first).values_list(Hour("created_date"))
    ended = QueueItem.objects.ended_between(first, None).filter(
        status__in=[Status.DONE, Status.FAILED]
    )
    by_status: dict[str, dict[str, int]] = {Status.DONE: {}, Status.FAILED: {}}
    for status, hour, number in (
        ended.values_list("status", Hour(QueueItem.ended())).annotate(number=Count("*")).order_by()
    ):
        by_status[status][hour.isoformat()] = number
    return Statistics(
        taken=now.isoformat(),
        queues=count_queues(now - timedelta(hours=24)),
        created={
            hour.isoformat(): number
            for hour, number in created.annotate(number=Count("*")).order_by()
        },
        done=by_status[Status.DONE],
        failed=by_status[Status.FAILED],
    )


def count_queues(yesterday: datetime) -> list[Queue]:
    queues: dict[str, Queue] = {}
    rows = QueueItem.objects.values("status", "queue_name").annotate(
        number=Count("*"),
        oldest=Min("created_date"),
        created=Count("status", filter=Q(created_date__gte=yesterday)),
        ended_lately=Count(
            "status",
            filter=Q(end_date__gte=yesterday) | Q(end_date=None, created_date__gte=yesterday),
        ),
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
