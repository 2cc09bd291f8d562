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
from typing import Any

from django.conf import settings
from django.http import HttpRequest

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

ENTRY = re.compile(
    r"\[(?P<bracketed>[^\[\]]*:[^\[\]]*)\](:[0-9]+)?"  # IPv6, perhaps with a port
    r"|(?P<v4>[0-9.]+)(:[0-9]+)?"  # IPv4, perhaps with a port
    r"|(?P<bare>[^\[\]]*)"  # IPv6 alone
)

# "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%zone]:65535", and some room for the zone.
LONGEST = 80

FOUND = "queueapi.client_ip"  # in the environment; no header has such a name there

UNKNOWN = IPv4Address("0.0.0.0")  # noqa: S104  nobody's address, and nothing is bound to it


def get_client_ip(request: HttpRequest) -> IPAddress:
    """The client's address, which the client can't choose.

    It is the peer of the connection, unless that is in `TRUSTED_PROXIES`. Then it is the last
    entry of `X-Forwarded-For` that is not a trusted proxy itself: each proxy appends the address
    that it was reached from, so what stands further to the left is only what somebody claimed.
    """
    return client_ip_from_environ(request.META)


def client_ip_from_environ(environ: dict[str, Any]) -> IPAddress:
    """The client's address by a request's WSGI environment, in which it is kept once found."""
    address: IPAddress | None = environ.get(FOUND)
    if address is None:
        address = environ[FOUND] = _find(environ)
    return address


def _find(environ: dict[str, Any]) -> IPAddress:
    peer = parse_ip(environ.get("REMOTE_ADDR", "")) or UNKNOWN
    trusted = settings.TRUSTED_PROXIES or []
    if not is_within(peer, trusted):
        return peer
    for entry in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        address = parse_ip(entry)
        if address is None:
            break
        if not is_within(address, trusted):
            return address
    return peer


def parse_ip(text: str) -> IPAddress | None:
    """An address as proxies write it, or `None` for anything else.

    `203.0.113.9`, `203.0.113.9:51861`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:51760`.
    IPv4-mapped IPv6 becomes the IPv4 address; a zone (`%eth0`) is left out.
    """
    text = text.strip()
    return _parse(text) if len(text) <= LONGEST else None


# It depends on the text alone, and a flood of texts, which are short, only pushes others out.
@lru_cache(maxsize=1024)
def _parse(text: str) -> IPAddress | None:
    entry = ENTRY.fullmatch(text)
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


@lru_cache(maxsize=1024)
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
    return tuple(parse_network(text) for text in texts)


def parse_network(text: str) -> IPNetwork:
    """A network or a single address; IPv4-mapped IPv6 becomes IPv4.

    Raises `ValueError` for anything else, and for bits set beyond the mask (10.0.0.1/8).
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network
