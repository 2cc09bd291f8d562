from typing import Any

from django.core.management.base import CommandParser

from security.management.base import SecurityCommand, to_minute
from security.models import BannedIP


class Command(SecurityCommand):
    help = "List the active bans, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="also the bans that have ended")

    def handle(self, *args: Any, **options: Any) -> None:
        bans = BannedIP.objects.all() if options["all"] else BannedIP.objects.active()
        rows = [
            (
                ban.network,
                to_minute(ban.created),
                to_minute(ban.expires),
                ban.attempts,
                "" if ban.is_active else to_minute(ban.lifted or ban.expires),
                ban.lifted_by or ("" if ban.is_active else "ran out"),
                ban.reason,
            )
            for ban in bans.order_by("-created", "-pk")
        ]
        if not rows:
            self.info("No IP is banned.")
            return
        header = ("NETWORK", "CREATED", "EXPIRES", "ATTEMPTS", "ENDED", "LIFTED BY", "REASON")
        self.print_table("{:26}{:18}{:18}{:<10}{:18}{:22}{}", header, *rows)
