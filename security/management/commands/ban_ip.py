from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from security.address import ban_network, is_within, parse_address
from security.durations import duration
from security.management.operator import operator
from security.models import BannedIP


class Command(BaseCommand):
    help = (
        "Ban an address by hand. An IPv6 address stands for its /64. If it is banned already, the "
        "new ban takes the place of that one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="an IPv4 or IPv6 address")
        parser.add_argument(
            "--for",
            dest="span",
            type=duration,
            default=settings.BAN_DURATION,
            metavar="SPAN",
            help="how long: 2h, 30m, 7d (default: BAN_DURATION, which is %(default)s)",
        )
        parser.add_argument("--reason", default="by hand", help="why, for whoever reads the list")

    def handle(
        self, *args: Any, address: str, span: timedelta, reason: str, **options: Any
    ) -> None:
        parsed = parse_address(address.removesuffix("/64") if ":" in address else address)
        if parsed is None:
            raise CommandError(f"{address!r} is not an IP address.")
        if is_within(parsed, settings.BAN_EXEMPT_NETWORKS):
            raise CommandError(
                f"{parsed} is in BAN_EXEMPT_NETWORKS, so a ban would change nothing."
            )
        if not span:
            raise CommandError("A ban has to last longer than 0; unban_ip lifts one.")
        ban = BannedIP.objects.ban(
            ban_network(parsed), span, " ".join(reason.split())[:200], by=operator()
        )
        self.stdout.write(f"Banned {ban.network} until {ban.until:%Y-%m-%d %H:%M}.")
