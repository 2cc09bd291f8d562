import sys
from getpass import getpass
from typing import Any

from django.core.management.base import CommandParser

from security.management.base import SecurityCommand
from security.models import ApiKey


class Command(SecurityCommand):
    help = (
        "Accept a secret that a client already uses, read from standard input, so that the "
        "client need not change. Rotate it when you can: its origin is not known here."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client, which is created if the name is new")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        # PowerShell's pipes add a byte order mark and a line end.
        key = ApiKey.objects.import_secret(name, read_secret().lstrip("\ufeff").strip())
        self.info(f"Key {key.prefix} of {key.client} is imported; it does not expire.")


def read_secret() -> str:
    if sys.stdin is None:  # closed
        return ""
    return getpass("Key: ") if sys.stdin.isatty() else sys.stdin.read()
