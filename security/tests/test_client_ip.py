"""The client IP with and without proxies."""

from ipaddress import ip_address

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from security.client_ip import ban_network, get_client_ip, parse_ip

IIS = "127.0.0.1"


def client_ip(peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().post("/api/queue", headers=headers, REMOTE_ADDR=peer)
    return str(get_client_ip(request))


@pytest.fixture
def behind_iis(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [IIS]


def test_it_works(behind_iis: None) -> None:
    assert client_ip(IIS, "10.1.2.3:51861") == "10.1.2.3"


@pytest.mark.parametrize(
    ("entry", "ip"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3:51861", "10.1.2.3"),
        (" 10.1.2.3 ", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:51760", "2001:db8::1"),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:51760", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_each_notation_of_an_ip_is_normalised(behind_iis: None, entry: str, ip: str) -> None:
    assert client_ip(IIS, entry) == ip


def test_without_a_trusted_proxy_the_header_is_ignored() -> None:
    assert client_ip("198.51.100.7", "10.1.2.3") == "198.51.100.7"


def test_the_header_of_an_untrusted_peer_is_ignored(behind_iis: None) -> None:
    assert client_ip("198.51.100.7", "10.1.2.3") == "198.51.100.7"


def test_entries_that_the_client_sent_itself_are_ignored(behind_iis: None) -> None:
    assert client_ip(IIS, "1.1.1.1, garbage, 127.0.0.1, 10.1.2.3:51861") == "10.1.2.3"


def test_entries_of_trusted_proxies_are_skipped(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [IIS, "10.0.0.0/24"]
    assert client_ip(IIS, "203.0.113.9, 10.0.0.5:443, 127.0.0.1:80") == "203.0.113.9"


def test_a_request_of_the_proxy_itself_has_its_ip(behind_iis: None) -> None:
    assert client_ip(IIS, "127.0.0.1:5000") == IIS


def test_a_proxy_may_be_set_as_ipv4_mapped(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["::ffff:127.0.0.1"]
    assert client_ip(IIS, "10.1.2.3") == "10.1.2.3"


def test_an_ipv4_mapped_peer_is_a_trusted_proxy(behind_iis: None) -> None:
    assert client_ip("::ffff:127.0.0.1", "10.1.2.3") == "10.1.2.3"


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ",",
        "garbage",
        "10.1.2.3, garbage",
        "10.1.2.3,",
        "unknown",
        "10.1.2.3:port",
        "10.1.2.3:",
        "10.1.2.300",
        "010.1.2.3",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[10.1.2.3]:80",
        "2001:db8::1]:80",
        "[]:80",
        "1:2:3:4:5:6:7:8:9",
        "\u0661\u0660.1.2.3",
        "<script>",
        "1" * 100_000,
        "," * 100_000,
        "[" + ":" * 100_000,
    ],
)
def test_an_invalid_last_entry_leaves_the_ip_of_the_proxy(behind_iis: None, header: str) -> None:
    assert client_ip(IIS, header) == IIS


@pytest.mark.parametrize("peer", ["", "localhost", "unix", "\xff"])
def test_a_peer_without_an_ip_has_0_0_0_0(peer: str) -> None:
    assert client_ip(peer) == "0.0.0.0"


@given(text=st.text())
def test_any_text_parses_to_an_ip_or_none(text: str) -> None:
    ip = parse_ip(text)
    assert ip is None or ip_address(str(ip)) == ip


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
    ],
)
def test_a_ban_is_of_an_ipv4_address_or_an_ipv6_64(ip: str, network: str) -> None:
    assert ban_network(ip_address(ip)) == network
