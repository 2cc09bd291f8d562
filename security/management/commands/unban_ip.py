from ipaddress import ip_network
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from security.client_ip import ban_network, parse_ip
from security.management.acting_user import acting_user
from security.models import BannedIP


class Command(BaseCommand):
    help = "Lift bans: of one IP, of all IPs in a network, or all."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument("ip", nargs="?", help="an IP, or a network: 203.0.113.0/24")
        group.add_argument("--all", action="store_true", help="lift every ban")

    def handle(self, *args: Any, ip: str | None, **options: Any) -> None:
        by = acting_user()
        if ip is None:
            lifted = BannedIP.objects.lift(by)
        else:
            # One by one, because SQL Server takes 2,100 parameters a statement.
            lifted = []
            for network in banned_networks(ip):
                lifted += BannedIP.objects.filter(network=network).lift(by)
        if not lifted:
            raise CommandError(f"{ip} is not banned." if ip else "No IP is banned.")
        for ban in lifted:
            self.stdout.write(f"Lifted the ban of {ban.network} ({ban.reason}).")


def banned_networks(text: str) -> list[str]:
    """Return the networks, as bans have them, of an IP or of the active bans in a network."""
    if ip := parse_ip(text):
        return [ban_network(ip)]
    try:
        named = ip_network(text, strict=False)
    except ValueError as error:
        raise CommandError(f"{text!r} is neither an IP address nor a network.") from error
    if named.version == 6 and named.prefixlen > 64:
        return [ban_network(named.network_address)]
    active = BannedIP.objects.active().values_list("network", flat=True)
    return [network for network in active if ip_network(network).network_address in named]
