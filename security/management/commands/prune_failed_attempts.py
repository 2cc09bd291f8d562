from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

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
            counts, outcome = (attempts.prune(), bans.prune()), "deleted"
        self.stdout.write(f"{counts[0]} failed attempts {outcome}.")
        if counts[1]:
            self.stdout.write(f"{counts[1]} ended bans {outcome}.")
