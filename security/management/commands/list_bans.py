from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from security.models import BannedIP

COLUMNS = "{:26}{:18}{:18}{:<10}{:18}{:22}{}"


class Command(BaseCommand):
    help = "List the addresses that are banned now, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="also the bans that have ended")

    def handle(self, *args: Any, **options: Any) -> None:
        bans = BannedIP.objects.all() if options["all"] else BannedIP.objects.active()
        if not bans.exists():
            self.stderr.write("No address is banned.", style_func=str)
            return
        header = ("NETWORK", "CREATED", "EXPIRES", "ATTEMPTS", "ENDED", "LIFTED BY", "REASON")
        self.stdout.write(COLUMNS.format(*header))
        for ban in bans.order_by("-created", "-pk").iterator():
            self.stdout.write(
                COLUMNS.format(
                    ban.network,
                    f"{ban.created:%Y-%m-%d %H:%M}",
                    f"{ban.expires:%Y-%m-%d %H:%M}",
                    ban.attempts,
                    "" if ban.is_active else f"{ban.lifted or ban.expires:%Y-%m-%d %H:%M}",
                    ban.lifted_by or ("" if ban.is_active else "ran out"),
                    ban.reason,
                )
            )
