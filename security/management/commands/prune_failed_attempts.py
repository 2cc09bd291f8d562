from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from queueapi.durations import parse_duration
from security.management.base import PruneCommand
from security.models import BannedIP, FailedAttempt


class Command(PruneCommand):
    help = "Delete old records of failed attempts, and of bans that ended as long ago."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            type=parse_duration,
            default="90d",
            metavar="DURATION",
            help="the age from which to delete: 90d, 26w (default: %(default)s)",
        )

    def handle(self, *args: Any, older_than: timedelta, dry_run: bool, **options: Any) -> None:
        self.prune(FailedAttempt.objects.older_than(older_than), "failed attempts", dry_run)
        bans = BannedIP.objects.older_than(older_than)
        if bans.exists():
            self.prune(bans, "ended bans", dry_run)
