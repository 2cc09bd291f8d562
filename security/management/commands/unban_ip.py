from ipaddress import ip_network
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from security.client_ip import ban_network, parse_ip
from security.management.acting_user import operator
from security.models import BannedIP

# SQL Server takes 2100 parameters a statement.
BATCH = 500


class Command(BaseCommand):
    help = "Lift bans: of one address, of every address in a network, or all."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("address", nargs="?", help="an address, or a network: 203.0.113.0/24")
        which.add_argument("--all", action="store_true", help="lift every ban")

    def handle(self, *args: Any, address: str | None, **options: Any) -> None:
        if address is None:
            lifted = BannedIP.objects.lift(by=operator())
        else:
            networks = banned_networks(address)
            lifted = []
            for start in range(0, len(networks), BATCH):
                bans = BannedIP.objects.filter(network__in=networks[start : start + BATCH])
                lifted += bans.lift(by=operator())
        if not lifted:
            raise CommandError(f"{address} is not banned." if address else "No address is banned.")
        for ban in lifted:
            self.stdout.write(f"Lifted the ban of {ban.network} ({ban.reason}).")


def banned_networks(text: str) -> list[str]:
    """The banned networks that an address or a network names."""
    if address := parse_ip(text):
        return [ban_network(address)]
    try:
        named = ip_network(text, strict=False)
    except ValueError as error:
        raise CommandError(f"{text!r} is neither an IP address nor a network.") from error
    if named.version == 6 and named.prefixlen > 64:
        return [ban_network(named.network_address)]
    active = BannedIP.objects.active().values_list("network", flat=True)
    return [network for network in active if ip_network(network).network_address in named]
