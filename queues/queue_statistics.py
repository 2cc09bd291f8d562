"""Numbers of queue items, by grouped queries that read one index and no row.

With millions of rows they take most of a second, so they are cached for `MAX_AGE`. The cache holds
JSON, hence times are ISO 8601 texts here.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.cache.utils import make_template_fragment_key
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count, DateTimeField, F, Func, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from queues.models import QueueItem, QueueItemQuerySet

MAX_AGE = 15  # seconds
DAYS = 14  # of the chart
MOST_MEASURED = 10_000  # items, whose durations are read
STATISTICS, NAMES, DURATIONS = "queues.queue_statistics", "queues.names", "queues.durations"

Status = QueueItem.Status
ENDED = [Status.DONE, Status.FAILED]


@dataclass
class Queue:
    """Numbers of one queue's items; `created`, `done` and `failed` are of the last 24 hours.

    `last_hour` are those that were done or failed in the 60 minutes before.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    oldest_new: str | None = None
    created: int = 0
    done: int = 0
    failed: int = 0
    last_hour: int = 0

    @property
    def failure_share(self) -> float | None:
        """The failed share of the ended items, from 0 to 1; `None` if no item ended."""
        ended = self.done + self.failed
        return self.failed / ended if ended else None

    def through(self, now: datetime) -> datetime | None:
        """Return when the NEW items have ended at the pace of the last hour, if it had any."""
        hours = self.counts.get(Status.NEW, 0) / self.last_hour if self.last_hour else 0
        return now + timedelta(hours=min(hours, 1e6)) if hours else None


@dataclass
class Statistics:
    """Numbers at the time `taken`; `created`, `done` and `failed` are by hour, for `DAYS`."""

    taken: str
    queues: list[Queue]
    created: dict[str, int]
    done: dict[str, int]
    failed: dict[str, int]

    def since(self, by_day: bool = False) -> datetime:
        """Return the start of the last `DAYS` days or 24 hours, the current one included."""
        return start_of(datetime.fromisoformat(self.taken), by_day)


class Hour(TruncHour):
    """`TruncHour` without Django's Python function on SQLite (`django_datetime_trunc`).

    It is ten times faster.
    """

    output_field = DateTimeField()

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> Any:
        hour = Func(*self.source_expressions, template="substr(%(expressions)s, 1, 13) || ':00:00'")
        return hour.as_sql(compiler, connection, **kwargs)


def start_of(now: datetime, by_day: bool = False) -> datetime:
    """Return the start of the last `DAYS` days or 24 hours, the current one included."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) - timedelta(days=DAYS - 1) if by_day else hour - timedelta(hours=23)


def statistics(queue_name: str | None = None) -> Statistics:
    """Return numbers that are at most `MAX_AGE` seconds old, of one queue or of all."""
    key = STATISTICS
    if queue_name is not None:
        key = make_template_fragment_key(STATISTICS, [queue_name])
    numbers = _cached(key, lambda: asdict(count(queue_name)))
    return Statistics(**numbers | {"queues": [Queue(**queue) for queue in numbers["queues"]]})


def durations(queue_name: str, by_day: bool) -> list[float]:
    """Return number, median and 95th percentile of durations in seconds; nothing without any.

    They are those of the newest `MOST_MEASURED` items that were done or failed since `start_of()`,
    at most `MAX_AGE` seconds ago.
    """

    def measure() -> list[float]:
        items = QueueItem.objects.filter(queue_name=queue_name, status__in=ENDED)
        ended = items.ended_between(start_of(timezone.now(), by_day), None)
        timed = ended.filter(end_date__gte=F("start_date")).order_by("-created_date")
        times = timed.values_list("start_date", "end_date")[:MOST_MEASURED]
        seconds = sorted((end - start).total_seconds() for start, end in times if start and end)
        place = math.ceil(0.95 * len(seconds)) - 1
        return [len(seconds), median(seconds), seconds[place]] if seconds else []

    key = make_template_fragment_key(DURATIONS, [queue_name, by_day])
    return list(_cached(key, measure))


def queue_names() -> list[str]:
    """Return the names of queues with items, at most `MAX_AGE` seconds old."""
    rows = QueueItem.objects.order_by().values_list("queue_name", flat=True).distinct()
    return list(_cached(NAMES, lambda: sorted(rows, key=str.casefold)))


def invalidate() -> None:
    """Clear the cached numbers of all queues, so that staff see the result of an action."""
    with suppress(*settings.CACHE_ERRORS):  # they expire anyway
        cache.delete_many([STATISTICS, NAMES])


def _cached(key: str, load: Callable[[], Any]) -> Any:
    try:
        return cache.get_or_set(key, load, MAX_AGE)
    except settings.CACHE_ERRORS:
        return load()


def count(queue_name: str | None = None) -> Statistics:
    """Return the numbers from the database."""
    items = QueueItem.objects.all()
    if queue_name is not None:
        items = items.filter(queue_name=queue_name, status__in=Status.values)  # by their index
    now = timezone.now()
    first = start_of(now, by_day=True)
    ended = items.ended_between(first, None)
    return Statistics(
        taken=now.isoformat(),
        queues=count_queues(items, now),
        created=by_hour(items.filter(created_date__gte=first), "created_date"),
        done=by_hour(ended.filter(status=Status.DONE), QueueItem.ended()),
        failed=by_hour(ended.filter(status=Status.FAILED), QueueItem.ended()),
    )


def by_hour(items: QueueItemQuerySet, moment: Any) -> dict[str, int]:
    """Return the number of items for each hour of the expression `moment`."""
    rows = items.values_list(Hour(moment)).annotate(number=Count("*")).order_by()
    return {hour.isoformat(): number for hour, number in rows}


def count_queues(items: QueueItemQuerySet, now: datetime) -> list[Queue]:
    """Return the queues of these items, in alphabetical order."""
    since, hour_ago = start_of(now), now.replace(microsecond=0) - timedelta(hours=1)
    queues: dict[str, Queue] = {}
    rows = (
        items.alias(ended_at=QueueItem.ended())
        .values("status", "queue_name")
        .annotate(
            number=Count("*"),
            oldest=Min("created_date"),
            created=Count("status", filter=Q(created_date__gte=since)),
            ended_lately=Count("status", filter=Q(ended_at__gte=since)),
            last_hour=Count("status", filter=Q(status__in=ENDED, ended_at__gte=hour_ago)),
        )
    )
    for row in rows.order_by():
        queue = queues.setdefault(row["queue_name"], Queue(row["queue_name"]))
        queue.counts[row["status"]] = row["number"]
        queue.created += row["created"]
        queue.last_hour += row["last_hour"]
        if row["status"] == Status.NEW:
            queue.oldest_new = row["oldest"].isoformat()
        elif row["status"] == Status.DONE:
            queue.done = row["ended_lately"]
        elif row["status"] == Status.FAILED:
            queue.failed = row["ended_lately"]
    return sorted(queues.values(), key=lambda queue: queue.name.casefold())
