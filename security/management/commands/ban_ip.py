from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from queueapi.durations import parse_duration
from security.management.acting_user import operator
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
            type=parse_duration,
            default=settings.BAN_DURATION,
            metavar="DURATION",
            help="how long: 2h, 30m, 7d (default: BAN_DURATION, which is %(default)s)",
        )
        parser.add_argument("--reason", default="by hand", help="why, for whoever reads the list")

    def handle(
        self, *args: Any, address: str, span: timedelta, reason: str, **options: Any
    ) -> None:
        try:
            ban = BannedIP.objects.ban_by_hand(address, span, reason, by=operator())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Banned {ban.network} until {ban.expires:%Y-%m-%d %H:%M}.")
