"""Triggers that no scheduler has started although they are due."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from queues.models import QueueItem
from triggers.models import Trigger

LATE_AFTER = timedelta(minutes=5)

Status = Trigger.Status


def due_triggers() -> QuerySet[Trigger]:
    """Return triggers that have been IDLE and due for `LATE_AFTER`, by name."""
    due = timezone.now() - LATE_AFTER
    waiting = (
        QueueItem.objects.filter(
            queue_name=OuterRef("queuetrigger__queue_name"),
            status=QueueItem.Status.NEW,
            created_date__lte=due,
        )
        .order_by()
        .values("status")
        .annotate(count=Count("*"))
        .values("count")
    )
    return (
        Trigger.objects.alias(waiting=Subquery(waiting))
        .filter(
            Q(singletrigger__next_run__lte=due)
            | Q(scheduledtrigger__next_run__lte=due)
            | Q(waiting__gte=F("queuetrigger__min_batch_size")),
            # A queue trigger that has just run leaves items that are older.
            Q(last_run=None) | Q(last_run__lte=due),
            process_status=Status.IDLE,
        )
        .order_by("trigger_name")
    )


def late_triggers(alive: Collection[str]) -> list[Trigger]:
    """Return the due triggers that a scheduler could start, by name.

    `alive` are the machines of schedulers that run. `OpenOrchestrator.scheduler.runner.
    poll_triggers` is the source: a trigger waits for a machine of its own, for a blocking trigger
    that runs, and, if it is blocking itself, for all that run.
    """
    running = Trigger.objects.filter(process_status__in=Trigger.RUNNING_STATUSES)
    blocking = list(running.values_list("is_blocking", flat=True))
    if any(blocking) or not alive:
        return []
    return [
        trigger
        for trigger in due_triggers()
        if not (trigger.is_blocking and blocking)
        and (not trigger.machines or set(trigger.machines) & set(alive))
    ]
