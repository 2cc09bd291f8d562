from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from queueapi.durations import parse_lifetime
from security.management.base import SecurityCommand
from security.models import ApiKey


class Command(SecurityCommand):
    help = "Issue an API key to a client. Keys that the client has already stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name",
            help="the client, the system that will send the key; a new name creates a client",
        )
        parser.add_argument(
            "--expires",
            type=parse_lifetime,
            default="365d",
            metavar="DURATION",
            help="the lifetime of the key: 365d, 12h or never (default: %(default)s)",
        )

    def handle(self, *args: Any, name: str, expires: timedelta | None, **options: Any) -> None:
        key, plaintext = ApiKey.objects.issue(name, expires)
        self.print_key(key, plaintext)
        if key.client.keys.count() == 1:  # the name may be misspelt
            self.info(f"It is the first key of {name}; limit_client shows and sets limits.")
