"""The client IP of a request, and the networks that IPs belong to."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

ENTRY = re.compile(
    r"\[(?P<bracketed>[^\[\]]*:[^\[\]]*)\](:[0-9]+)?"  # IPv6, perhaps with a port
    r"|(?P<v4>[0-9.]+)(:[0-9]+)?"  # IPv4, perhaps with a port
    r"|(?P<bare>[^\[\]]*)"  # IPv6 without a port
)

# Characters: "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%zone]:65535", and a longer zone.
LONGEST_ENTRY = 80

# The key in the WSGI environment under which a request's client IP is kept. No header can set it.
ENVIRON_KEY = "queueapi.client_ip"

# For a peer without an IP, such as a Unix socket. No client has this IP.
UNKNOWN = IPv4Address("0.0.0.0")  # noqa: S104  nothing is bound to it


def get_client_ip(request: HttpRequest) -> IPAddress:
    """Return the IP of the client, which the client can't choose.

    It is the peer of the connection, unless that is in `TRUSTED_PROXIES`. Then it is the last
    entry of `X-Forwarded-For` that is not a trusted proxy itself: each proxy appends the IP of its
    own peer, and the client may have sent the entries to the left of those.
    """
    ip: IPAddress | None = request.META.get(ENVIRON_KEY)
    if ip is None:
        ip = request.META[ENVIRON_KEY] = _find(request.META)
    return ip


def _find(environ: dict[str, Any]) -> IPAddress:
    peer = parse_ip(environ.get("REMOTE_ADDR", "")) or UNKNOWN
    trusted = settings.TRUSTED_PROXIES or []
    if not is_within(peer, trusted):
        return peer
    for entry in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        ip = parse_ip(entry)
        if ip is None:
            break
        if not is_within(ip, trusted):
            return ip
    return peer


def parse_ip(text: str) -> IPAddress | None:
    """Return the IP that an entry of `X-Forwarded-For` names; `None` for any other text.

    `203.0.113.9`, `203.0.113.9:51861`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:51760`.
    IPv4-mapped IPv6 becomes the IPv4 address; a zone (`%eth0`) is left out.
    """
    text = text.strip()
    return _parse(text) if len(text) <= LONGEST_ENTRY else None


@lru_cache(maxsize=1024)
def _parse(text: str) -> IPAddress | None:
    entry = ENTRY.fullmatch(text)
    if entry is None:
        return None
    host = entry["bracketed"] or entry["v4"] or entry["bare"]
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip


@lru_cache(maxsize=1024)
def ban_network(ip: IPAddress) -> str:
    """Return the network that a ban of this IP blocks: the IPv4 address itself, or the IPv6 /64.

    An IPv6 site gets at least a /64 (RFC 6177), so its clients can use any IP of it.
    """
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(IPv6Network((ip, 64), strict=False))


def is_within(ip: IPAddress, networks: Iterable[str]) -> bool:
    return any(ip in network for network in parse_networks(tuple(networks)))


@lru_cache(maxsize=1024)
def parse_networks(texts: tuple[str, ...]) -> tuple[IPNetwork, ...]:
    return tuple(parse_network(text) for text in texts)


def parse_network(text: str) -> IPNetwork:
    """Return the network that a text names: a network or an IP; IPv4-mapped IPv6 becomes IPv4.

    Raises `ValueError` for any other text, and for bits set beyond the mask (10.0.0.1/8).
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network
