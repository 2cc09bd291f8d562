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


class Command(SecurityCommand):
    help = (
        "Show or set what a client may do. A list replaces the list before; an option without "
        "values clears it, so that the client may use all. Applies within 5 seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the client")
        parser.add_argument(
            "--allow",
            nargs="*",
            choices=MAY,
            help="what the client may do; all else, it may not",
        )
        for option, text in LISTS.items():
            parser.add_argument(f"--{option}", nargs="*", metavar="LINE", help=text)

    def handle(self, *args: Any, name: str, allow: list[str] | None, **options: Any) -> None:
        client = Client.objects.with_name(name)
        if client is None:
            raise CommandError(
                f"No client is named {name!r}; list_api_keys shows the clients, "
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
