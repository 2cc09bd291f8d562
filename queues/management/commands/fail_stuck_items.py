from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from queueapi.admin import audit
from queueapi.database.retries import retry_on_deadlock
from queueapi.durations import format_duration, parse_duration
from queues import queue_statistics
from queues.models import QueueItem, QueueItemQuerySet

BATCH = 100  # rows, which are locked together
LOGGED = ["queue_name", "status", "reference", "start_date", "end_date", "message"]


class Command(BaseCommand):
    help = (
        "Set items to FAILED that are in progress for too long, because their robot is gone. Make "
        "sure of that first: a robot that still works goes on with its item."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        age = "how long ago a stuck item was started: 2h, 1d"
        parser.add_argument("--older-than", type=parse_duration, required=True, help=age)
        parser.add_argument("--by", required=True, metavar="USER", help="the user, for the log")
        parser.add_argument("--queue", action="extend", nargs="+", help="only these queues")
        parser.add_argument("--requeue", action="store_true", help="set them to NEW instead")
        parser.add_argument("--dry-run", action="store_true", help="count them and change none")

    def handle(self, *args: Any, older_than: timedelta, by: str, **options: Any) -> None:
        user = User.objects.filter(username=by, is_active=True).first()
        if user is None or not user.has_perm("queues.change_queueitem"):
            raise CommandError(f"No active user {by!r} may change queue items.")
        duration = format_duration(older_than).replace("\xa0", " ")
        message = f"No robot ended this item within {duration}; fail_stuck_items set it to FAILED."
        status = "NEW" if options["requeue"] else "FAILED"
        counts = Counter[str]()
        try:
            for batch in batches(QueueItem.objects.stuck(older_than), options["queue"]):
                items: Iterable[QueueItem] = batch.only("queue_name")
                if not options["dry_run"]:
                    change = partial(give_up, batch, user, "" if options["requeue"] else message)
                    items = retry_on_deadlock(change)
                counts.update(item.queue_name for item in items)
        finally:  # after an error, too
            queue_statistics.invalidate()
            verb = "would be set" if options["dry_run"] else "set"
            for name, count in sorted(counts.items()):
                self.stdout.write(f"{name}: {count} {verb} to {status}.")
        if not counts:
            of_queues = f" of {', '.join(options['queue'])}" if options["queue"] else ""
            self.stdout.write(f"No item{of_queues} is in progress for more than {duration}.")


def batches(stuck: QueueItemQuerySet, names: list[str] | None) -> Iterator[QueueItemQuerySet]:
    """Yield the items of these queues, or of all without names, in batches."""
    # Names are compared as Python does, since SQL Server's collation may ignore case.
    rows = stuck.values_list("pk", "queue_name")
    ids = [pk for pk, name in rows if not names or name in names]
    for start in range(0, len(ids), BATCH):
        yield stuck.filter(pk__in=ids[start : start + BATCH])


def give_up(stuck: QueueItemQuerySet, user: User, message: str) -> list[QueueItem]:
    """Fail the items with this message, or requeue them without one; return them as before.

    Changes and log entries are one transaction.
    """
    with transaction.atomic():
        before: list[QueueItem] = list(stuck.select_for_update().only(*LOGGED))
        items = QueueItem.objects.filter(pk__in=[item.pk for item in before])
        if message:
            items.fail(message)
        else:
            items.requeue()
        audit.record_update(user.pk, items, LOGGED, before)
    return before
