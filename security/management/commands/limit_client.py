from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from security.management.base import SecurityCommand
from security.models import Client
from security.models.clients import read_lines

MAY = ("push", "trigger", "read")
LISTS = {
    "queues": "names of queues, or the beginning of names and a *: Invoices 'HR*'",
    "triggers": "the same for triggers",
    "networks": "IP addresses and networks: 10.1.2.3 10.20.0.0/16",
}


def not_empty(text: str) -> str:
    """Refuse the value of an unset variable, which would allow all."""
    if not text.strip():
        raise ArgumentTypeError("an empty text; to clear the list, give no text")
    return text


class Command(SecurityCommand):
    help = (
        "Show the limits of a client, and set those that are given. They apply within 5 seconds. "
        "A list replaces the list before; its option alone clears the list, which allows all."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client")
        parser.add_argument(
            "--allow",
            nargs="*",
            choices=MAY,
            help="set all three permissions: to those in the list, and alone to none",
        )
        for option, text in LISTS.items():
            parser.add_argument(f"--{option}", nargs="*", type=not_empty, metavar="LINE", help=text)

    def handle(self, *args: Any, name: str, allow: list[str] | None, **options: Any) -> None:
        client = Client.objects.with_name(name)
        if client is None:
            raise CommandError(
                f"No client is named {name!r}; list_api_keys shows the clients with keys, "
                "create_api_key makes one."
            )
        limits: dict[str, Any] = {
            each: "\n".join(options[each]) for each in LISTS if options[each] is not None
        }
        if allow is not None:
            limits |= {f"may_{each}": each in allow for each in MAY}
        client.limit(**limits)
        may = [each for each in MAY if getattr(client, f"may_{each}")]
        lists = {each: read_lines(getattr(client, each)) for each in LISTS}
        self.print_table(
            "{:13}{}",
            ("client", client.name),
            ("may", ", ".join(may) or "nothing"),
            *((each, ", ".join(lines) or "all") for each, lines in lists.items()),
        )
