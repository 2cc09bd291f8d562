from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from queueapi.durations import parse_duration
from security.management.acting_user import acting_user
from security.management.base import SecurityCommand
from security.models import BannedIP


class Command(SecurityCommand):
    help = "Ban an IPv4 address, or the /64 of an IPv6 address. Replaces a ban that it has already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ip", help="an IPv4 or IPv6 address")
        parser.add_argument(
            "--for",
            dest="duration",
            type=parse_duration,
            default=settings.BAN_DURATION,
            metavar="DURATION",
            help="how long: 2h, 30m, 7d (default: BAN_DURATION, which is %(default)s)",
        )
        parser.add_argument("--reason", default="by hand", help="why, for readers of the list")

    def handle(self, *args: Any, ip: str, duration: timedelta, reason: str, **options: Any) -> None:
        ban = BannedIP.objects.ban_by_hand(ip, duration, reason, by=acting_user())
        self.stdout.write(f"Banned {ban.network} until {ban.expires:%Y-%m-%d %H:%M}.")
