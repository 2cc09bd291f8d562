"""Where a request comes from. Bans, logs and the admin all ask here."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.conf import settings
from django.http import HttpRequest

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

ENTRY = re.compile(
    r"\[(?P<bracketed>[^\[\]]*:[^\[\]]*)\](:[0-9]+)?"  # IPv6, perhaps with a port
    r"|(?P<v4>[0-9.]+)(:[0-9]+)?"  # IPv4, perhaps with a port
    r"|(?P<bare>[^\[\]]*)"  # IPv6 alone
)

UNKNOWN = IPv4Address("0.0.0.0")  # noqa: S104  nobody's address, and nothing is bound to it


def client_address(request: HttpRequest) -> IPAddress:
    """The client's address, which the client can't choose.

    It is the peer of the connection, unless that is in `TRUSTED_PROXIES`. Then it is the last
    entry of `X-Forwarded-For` that is not a trusted proxy itself: each proxy appends the address
    that it was reached from, so what stands further to the left is only what somebody claimed.
    """
    peer = parse_address(request.META.get("REMOTE_ADDR", "")) or UNKNOWN
    trusted = settings.TRUSTED_PROXIES or []
    if not is_within(peer, trusted):
        return peer
    for entry in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        address = parse_address(entry)
        if address is None:
            break
        if not is_within(address, trusted):
            return address
    return peer


def parse_address(text: str) -> IPAddress | None:
    """An address as proxies write it, or `None` for anything else.

    `203.0.113.9`, `203.0.113.9:51861`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:51760`.
    IPv4-mapped IPv6 becomes the IPv4 address; a zone (`%eth0`) is left out.
    """
    entry = ENTRY.fullmatch(text.strip())
    if entry is None:
        return None
    host = entry["bracketed"] or entry["v4"] or entry["bare"]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def ban_network(address: IPAddress) -> str:
    """What a ban of this address closes: the address itself, or its IPv6 /64.

    A site gets at least a /64, so whoever has one IPv6 address has them all.
    """
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))


def is_within(address: IPAddress, networks: Iterable[str]) -> bool:
    return any(address in network for network in parse_networks(tuple(networks)))


@lru_cache(maxsize=32)
def parse_networks(texts: tuple[str, ...]) -> tuple[IPNetwork, ...]:
    """Networks or single addresses. Raises `ValueError` for anything else."""
    return tuple(ip_network(text, strict=False) for text in texts)
