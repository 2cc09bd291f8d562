from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import QuerySet

from queueapi.durations import parse_duration
from security.models import BannedIP, FailedAttempt


class Command(BaseCommand):
    help = "Delete old records of failed attempts, and of bans that ended as long ago."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=parse_duration,
            default="90d",
            metavar="DURATION",
            help="the age from which to delete: 90d, 26w (default: %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show how many there are and delete none"
        )

    def handle(self, *args: Any, older_than: timedelta, dry_run: bool, **options: Any) -> None:
        attempts = FailedAttempt.objects.older_than(older_than)
        bans = BannedIP.objects.older_than(older_than)
        if dry_run:
            counts, outcome = (attempts.count(), bans.count()), "would be deleted"
        else:
            counts, outcome = (prune(attempts), prune(bans)), "deleted"
        self.stdout.write(f"{counts[0]} failed attempts {outcome}.")
        if counts[1]:
            self.stdout.write(f"{counts[1]} ended bans {outcome}.")


def prune(rows: QuerySet) -> int:
    """Delete the rows in batches of 1,000, which lock briefly; return how many there were."""
    deleted = 0
    while batch := list(rows.values_list("pk", flat=True)[:1000]):
        deleted += rows.model._default_manager.filter(pk__in=batch).delete()[0]
    return deleted
