from collections import Counter
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
    help = "Set items to FAILED that are in progress for too long, because their robot is gone."

    def add_arguments(self, parser: CommandParser) -> None:
        add, age = parser.add_argument, "how long ago a stuck item was started: 2h, 1d"
        add("--older-than", type=parse_duration, required=True, metavar="DURATION", help=age)
        add("--by", required=True, metavar="USER", help="the user of the admin, for the log")
        add("--queue", action="extend", nargs="+", metavar="NAME", help="only these queues")
        add("--requeue", action="store_true", help="set them to NEW, so that robots take them")
        add("--dry-run", action="store_true", help="show how many there are and change none")

    def handle(self, *args: Any, older_than: timedelta, by: str, **options: Any) -> None:
        user = User.objects.filter(username=by, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {by!r}.")
        stuck, names = QueueItem.objects.stuck(older_than), options["queue"]
        # Names are compared as Python does, since SQL Server's collation may ignore case.
        items = [i for i in stuck.only("queue_name") if not names or i.queue_name in names]
        duration = format_duration(older_than).replace("\xa0", " ")
        message = f"No robot ended this item within {duration}; fail_stuck_items set it to FAILED."
        status = "NEW" if options["requeue"] else "FAILED"

        def change(batch: QueueItemQuerySet) -> list[QueueItem]:
            """Change the items, and return them as they were."""
            with transaction.atomic():
                before = list(batch.select_for_update())
                changed = QueueItem.objects.filter(pk__in=[item.pk for item in before])
                changed.requeue() if options["requeue"] else changed.fail(message)
                audit.record_update(user.pk, changed, LOGGED, before)
            return before

        counts = Counter[str]()
        try:
            for start in range(0, len(items), BATCH):
                batch = items[start : start + BATCH]
                if not options["dry_run"]:
                    rows = stuck.filter(pk__in=[item.pk for item in batch]).only(*LOGGED)
                    batch = retry_on_deadlock(partial(change, rows))
                counts.update(item.queue_name for item in batch)
        finally:  # after an error, too
            queue_statistics.invalidate()
            verb = "would be set" if options["dry_run"] else "set"
            for name, count in sorted(counts.items()):
                self.stdout.write(f"{name}: {count} {verb} to {status}.")
        if not counts:
            self.stdout.write(f"No item is in progress for more than {duration}.")
