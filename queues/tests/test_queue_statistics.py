"""The numbers of the dashboard."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queues import queue_statistics
from queues.models import QueueItem
from queues.tests.helpers import Status, item

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def queue(name: str = "Invoices") -> queue_statistics.Queue:
    return next(queue for queue in queue_statistics.count().queues if queue.name == name)


def test_it_counts_each_status_of_each_queue() -> None:
    item("a"), item("a"), item("a", status=Status.DONE), item("b", status=Status.ABANDONED)
    first, second = queue_statistics.count().queues
    assert (first.name, dict(first.counts)) == ("a", {"NEW": 2, "DONE": 1})
    assert (second.name, dict(second.counts)) == ("b", {"ABANDONED": 1})


def test_oldest_new_is_the_creation_of_the_oldest_new_item() -> None:
    now = timezone.now()
    item(created_date=now - 9 * HOUR, status=Status.DONE)
    oldest = item(created_date=now - 5 * HOUR)
    item(created_date=now - 2 * HOUR)
    assert queue().oldest_new == oldest.created_date.isoformat()


def test_oldest_new_is_none_without_a_new_item() -> None:
    item(status=Status.DONE)
    assert queue().oldest_new is None


def test_created_done_and_failed_count_the_last_24_hours() -> None:
    now = timezone.now()
    item(created_date=now - 25 * HOUR)
    item(created_date=now - 30 * HOUR, status=Status.DONE, end_date=now - HOUR)
    item(created_date=now - 30 * HOUR, status=Status.DONE, end_date=now - 25 * HOUR)
    item(created_date=now - 2 * HOUR, status=Status.FAILED, end_date=now - HOUR)
    assert (queue().created, queue().done, queue().failed) == (1, 1, 1)
    assert queue().failure_share == 0.5


def test_24_hours_and_14_days_begin_with_a_full_hour_and_day() -> None:
    now = datetime(2026, 11, 26, 13, 19, 29, 5)
    assert queue_statistics.start_of(now) == datetime(2026, 11, 25, 14)
    assert queue_statistics.start_of(now, by_day=True) == datetime(2026, 11, 13)


def test_last_hour_counts_what_was_done_or_failed_in_60_minutes() -> None:
    now = timezone.now()
    for minutes in (10, 59, 61):
        item(status=Status.DONE, end_date=now - timedelta(minutes=minutes))
    item(status=Status.FAILED, end_date=now)
    item(status=Status.ABANDONED, end_date=now), item()
    assert queue().last_hour == 3


def ended(*seconds: float, **fields: Any) -> None:
    """Create items that took these times, the newest first."""
    now = timezone.now()
    for number, duration in enumerate(seconds):
        start = now - timedelta(seconds=duration)
        created = now - number * HOUR
        times = {"created_date": created, "start_date": start, "end_date": now}
        item(**{"status": Status.DONE, **times, **fields})


def test_durations_are_number_median_and_95th_percentile() -> None:
    ended(*range(1, 101))
    item(status=Status.DONE)
    ended(999, status=Status.ABANDONED)
    ended(999, queue_name="other")
    ended(-9)
    ended(999, end_date=timezone.now() - timedelta(days=2))
    assert queue_statistics.durations("Invoices", False) == [100, 50.5, 95]


def test_durations_of_one_item() -> None:
    ended(7)
    assert queue_statistics.durations("Invoices", True) == [1, 7, 7]


def test_durations_are_those_of_the_newest_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_statistics, "MOST_MEASURED", 3)
    ended(1, 2, 3, 400, 500)
    assert queue_statistics.durations("Invoices", False) == [3, 2, 3]


def test_there_are_no_durations_without_times() -> None:
    item(status=Status.DONE)
    assert queue_statistics.durations("Invoices", False) == []


def test_an_item_pushed_with_a_final_status_ended_when_it_was_created() -> None:
    item(status=Status.FAILED)
    item(status=Status.FAILED, created_date=timezone.now() - 25 * HOUR)
    assert queue().failed == 1


def test_failure_share_is_none_without_ended_items() -> None:
    item()
    assert queue().failure_share is None


def test_items_are_counted_by_the_hour() -> None:
    day = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    item(created_date=day + 3 * HOUR, status=Status.DONE, end_date=day + 4.5 * HOUR)
    item(created_date=day + 3.9 * HOUR, status=Status.FAILED, end_date=day + 4.2 * HOUR)
    numbers = queue_statistics.count()
    assert numbers.created == {(day + 3 * HOUR).isoformat(): 2}
    assert numbers.done == {(day + 4 * HOUR).isoformat(): 1}
    assert numbers.failed == {(day + 4 * HOUR).isoformat(): 1}


def test_hours_before_the_first_of_14_days_are_excluded() -> None:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    item(created_date=today - timedelta(days=13))
    item(created_date=today - timedelta(days=13, seconds=1))
    assert list(queue_statistics.count().created) == [(today - timedelta(days=13)).isoformat()]


def test_an_item_created_in_the_future_is_counted() -> None:
    item(created_date=timezone.now() + HOUR)
    assert queue().created == 1


def test_an_empty_table_has_no_queues() -> None:
    assert queue_statistics.count().queues == []


def test_queues_are_sorted_by_name_regardless_of_case() -> None:
    for name in ("b", "C", "a"):
        item(name)
    assert [queue.name for queue in queue_statistics.count().queues] == ["a", "b", "C"]


def test_any_number_of_queues_takes_four_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=f"q{n}") for n in range(300))
    # The queues; created, done and failed by hour.
    with django_assert_num_queries(4):
        assert len(queue_statistics.count().queues) == 300


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="EXPLAIN QUERY PLAN is SQLite's")
@pytest.mark.parametrize("queue_name", [None, "Invoices"])
def test_the_queries_read_only_indexes(
    django_assert_num_queries: DjangoAssertNumQueries, queue_name: str | None
) -> None:
    with django_assert_num_queries(4) as queries:
        queue_statistics.count(queue_name)
    for query in queries.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert "USING COVERING INDEX" in plan


def test_statistics_are_cached(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    queue_statistics.statistics()
    with django_assert_num_queries(0):
        queue_statistics.statistics()


def test_invalidate_clears_the_cache() -> None:
    queue_statistics.statistics()
    item()
    queue_statistics.invalidate()
    assert len(queue_statistics.statistics().queues) == 1


def test_the_cache_holds_json() -> None:
    item(), item(status=Status.DONE)
    counted = queue_statistics.statistics()
    cached = cache.get(queue_statistics.STATISTICS)
    assert json.loads(json.dumps(cached)) == cached
    assert queue_statistics.statistics() == counted


def test_statistics_are_counted_each_time_while_the_cache_is_away(unreachable_cache: None) -> None:
    item()
    assert len(queue_statistics.statistics().queues) == 1
    queue_statistics.invalidate()


def test_the_repeated_hour_of_autumn_is_one_hour() -> None:
    item(created_date=datetime(2026, 10, 25, 2, 30))
    item(created_date=datetime(2026, 10, 25, 3, 30))
    hours = queue_statistics.by_hour(QueueItem.objects.all(), "created_date")
    assert hours == {"2026-10-25T02:00:00": 1, "2026-10-25T03:00:00": 1}
