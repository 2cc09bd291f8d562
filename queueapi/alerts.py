"""What is wrong now."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from queueapi.late_triggers import due_triggers, late_triggers
from queueapi.models import Alert, Problem
from queues.models import QueueItem
from security.models import ApiKey, BannedIP
from triggers.models import Trigger
from triggers.models.schedulers import Scheduler, read

State = Scheduler.State
Status = QueueItem.Status


def problems() -> list[Problem]:
    return [*trigger_problems(), *queue_problems(), *security_problems()]


def trigger_problems() -> Iterator[Problem]:
    schedulers = read(Scheduler.objects.all())
    if schedulers is None:  # the alerts of silent ones continue
        for alert in Alert.objects.filter(kind="silent scheduler", ended=None):
            yield Problem(alert.kind, alert.subject, alert, begins=False)
        schedulers = []
    for scheduler in schedulers:
        if scheduler.state != State.ACTIVE:
            begins = scheduler.state == State.SILENT
            yield Problem("silent scheduler", scheduler.pk, scheduler, begins)
    late = late_triggers([each.pk for each in schedulers if each.state == State.ACTIVE])
    for trigger in due_triggers():
        # If it has run since, it may be IDLE for a second only, and is started within seconds.
        ran = trigger.last_run
        is_certain = ran is None or (trigger.due_since is not None and trigger.due_since > ran)
        # While no scheduler can start it, for example because it stopped, the alert continues.
        yield Problem("late trigger", str(trigger.pk), trigger, trigger in late, is_certain)
    for trigger in Trigger.objects.filter(process_status=Trigger.Status.FAILED):
        yield Problem("failed trigger", str(trigger.pk), trigger)


def queue_problems() -> Iterator[Problem]:
    now = timezone.now()
    items = QueueItem.objects
    old = items.filter(status=Status.NEW, created_date__lt=now - settings.OLDEST_NEW)
    for queue in old.values("queue_name").annotate(oldest=Min("created_date")):
        yield Problem("old item", queue["queue_name"], queue)
    for stuck in items.stuck().values("queue_name").annotate(count=Count("*")):
        yield Problem("stuck items", stuck["queue_name"], stuck)
    ended = items.exclude(status=Status.ABANDONED).ended_between(now - timedelta(hours=1), None)
    failed = Count("status", filter=Q(status=Status.FAILED))
    for row in ended.values("queue_name").annotate(count=Count("*"), failed=failed):
        # The share of a few items says little.
        if row["count"] >= 10 and 100 * row["failed"] > settings.ALERT_FAILED_SHARE * row["count"]:
            yield Problem("failed items", row["queue_name"], row)


def security_problems() -> Iterator[Problem]:
    now = timezone.now()
    keys = ApiKey.objects.active().select_related("client")
    near = list(keys.filter(expires__lte=now + timedelta(days=7)))
    for key in keys.filter(expires__lte=now + timedelta(days=30)):
        yield Problem("key in 30 days", str(key.pk), key, begins=key not in near)
    for key in near:
        yield Problem("key in 7 days", str(key.pk), key)
    for ban in BannedIP.objects.active():
        yield Problem("ban", str(ban.pk), ban)
