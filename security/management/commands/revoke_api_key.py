from typing import Any

from django.core.management.base import CommandError, CommandParser

from security.management.commands._key_command import KeyCommand
from security.models import ApiKey


class Command(KeyCommand):
    help = "End an API key at once and for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="the key's prefix, as list_api_keys shows it")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        try:
            key = ApiKey.objects.get(prefix=prefix.lower())
        except ApiKey.DoesNotExist as error:
            # Not repeated here: it may be a whole key, typed by mistake.
            raise CommandError(
                "No key has that prefix; list_api_keys shows the prefixes."
            ) from error
        if key.revoke():
            self.say(f"Key {key} is revoked.")
        else:
            self.say(f"Key {key} was revoked already, on {key.revoked:%Y-%m-%d %H:%M}.")
