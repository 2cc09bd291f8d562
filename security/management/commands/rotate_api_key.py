from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from queueapi.durations import parse_duration
from security.management.base import SecurityCommand, to_minute
from security.models import ApiKey


class Command(SecurityCommand):
    help = (
        "Issue a new API key to a client and end its older ones after an overlap in which both "
        "work. The new key gets the longest lifetime of those."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client")
        parser.add_argument(
            "--overlap",
            type=parse_duration,
            default="24h",
            metavar="DURATION",
            help="how long the older keys go on: 24h, 7d, or 0 to end them at once "
            "(default: %(default)s)",
        )

    def handle(self, *args: Any, name: str, overlap: timedelta, **options: Any) -> None:
        try:
            key, plaintext = ApiKey.objects.rotate(name, overlap)
        except ApiKey.DoesNotExist as error:
            raise CommandError(
                f"No client with an active key is named {name!r}; list_api_keys shows the clients, "
                "create_api_key makes a client's first key."
            ) from error
        self.print_key(key, plaintext)
        older = key.client.keys.active().exclude(pk=key.pk)
        for old in older.order_by("created"):
            self.info(f"Old key {old.prefix} works until {to_minute(old.expires)}.")
        if not older:
            self.info("Its older keys have ended.")
