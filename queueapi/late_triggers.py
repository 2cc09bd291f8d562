"""Triggers that no scheduler has started although they are due."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from queues.models import QueueItem
from triggers.models import Trigger

LATE_AFTER = timedelta(minutes=5)


def due_triggers() -> QuerySet[Any]:
    """Return triggers that have been due for `LATE_AFTER` and are IDLE, by name.

    They have `due_since` or, if they wait for items of a queue, the number of these, `waiting`.
    """
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
        Trigger.objects.annotate(
            due_since=Coalesce("singletrigger__next_run", "scheduledtrigger__next_run"),
            waiting=Subquery(waiting),
        )
        .filter(
            Q(due_since__lte=due) | Q(waiting__gte=F("queuetrigger__min_batch_size")),
            # A queue trigger that has just run leaves items that are older.
            Q(last_run=None) | Q(last_run__lte=due),
            process_status=Trigger.Status.IDLE,
        )
        .order_by("trigger_name")
    )


def late_triggers(alive: Collection[str]) -> list[Any]:
    """Return the due triggers that a scheduler could start, by name.

    `alive` are the machines of schedulers that run. `OpenOrchestrator.scheduler.runner.
    poll_triggers` and `run_tab.check_triggers` are the source: a machine starts only triggers that
    may run on it, none while a blocking one runs there, and a blocking one while none runs there.
    """
    machines = set(alive)
    running = list(Trigger.objects.filter(process_status__in=Trigger.RUNNING_STATUSES))

    def possible(trigger: Trigger) -> set[str]:
        return machines.intersection(trigger.machines or machines)

    def busy(trigger: Trigger) -> set[str]:
        """Return the machines that may run what the trigger has to wait for."""
        obstacles = (each for each in running if each.is_blocking or trigger.is_blocking)
        return set().union(*map(possible, obstacles))

    return [trigger for trigger in due_triggers() if possible(trigger) - busy(trigger)]
