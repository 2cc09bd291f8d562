"""Bases of the commands on keys and bans, and of those that prune."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from security.models import ApiKey


def to_minute(time: datetime | None, empty: str = "") -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else empty


class SecurityCommand(BaseCommand):
    """Raise `CommandError` for a `ValidationError` of a model."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ValidationError as error:
            is_name = "name" in getattr(error, "error_dict", {})
            text = " ".join(error.messages)
            raise CommandError(f"The name: {text}" if is_name else text) from error

    def info(self, text: str) -> None:
        """Write to stderr, without the red of an error."""
        self.stderr.write(text, style_func=str)

    def print_key(self, key: ApiKey, plaintext: str) -> None:
        """Write a new key to stdout, and all else to stderr, so that a script can capture it."""
        end = to_minute(key.expires, "never")
        self.info(f"New key {key.prefix} of {key.client}; it expires: {end}.")
        self.info("Keep it now: it is shown this once and can't be read back.")
        self.stdout.write(plaintext)

    def print_table(self, columns: str, *rows: Iterable[object]) -> None:
        """Write rows by a format string that has a field for each column."""
        for row in rows:
            self.stdout.write(columns.format(*row))


class PruneCommand(BaseCommand):
    """Command that deletes old rows."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="show how many there are and delete none"
        )

    def prune(self, rows: QuerySet, name: str, dry_run: bool) -> None:
        """Delete the rows, and write how many there were."""
        if dry_run:
            self.stdout.write(f"{rows.count()} {name} would be deleted.")
            return
        deleted = 0
        # In batches, which lock briefly.
        while batch := list(rows.values_list("pk", flat=True)[:1000]):
            deleted += rows.filter(pk__in=batch).delete()[0]
        self.stdout.write(f"{deleted} {name} deleted.")
