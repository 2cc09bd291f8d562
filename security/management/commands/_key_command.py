"""What the commands that make or end keys have in common."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from security.models import ApiKey


class KeyCommand(BaseCommand):
    """Prints a new key alone on stdout, so that a script can capture it, and the rest on stderr."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ValidationError as error:
            if hasattr(error, "error_dict") and "client" in error.error_dict:
                raise CommandError(f"The name: {' '.join(error.messages)}") from error
            raise CommandError(" ".join(error.messages)) from error

    def say(self, sentence: str) -> None:
        self.stderr.write(sentence, style_func=str)  # stderr would be red, as if it had failed

    def hand_over(self, key: ApiKey, plaintext: str) -> None:
        end = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "never"
        self.say(f"New key {key.prefix} of {key.client}; it expires: {end}.")
        self.say("Keep it now: it is shown this once and can't be read back.")
        self.stdout.write(plaintext)
