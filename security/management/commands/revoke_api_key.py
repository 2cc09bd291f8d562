from typing import Any

from django.core.management.base import CommandError, CommandParser

from security.management.base import SecurityCommand, to_minute
from security.models import ApiKey


class Command(SecurityCommand):
    help = "Revoke an API key at once and for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="the key's prefix, as list_api_keys shows it")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        key = ApiKey.objects.filter(prefix=prefix.lower()).first()
        if key is None:
            # Without the prefix, which may be a whole key that was typed by mistake.
            raise CommandError("No key has that prefix; list_api_keys shows the prefixes.")
        if key.revoke():
            self.info(f"Key {key} is revoked.")
        else:
            self.info(f"Key {key} was revoked already, on {to_minute(key.revoked)}.")
