"""The client's address, in front of and behind proxies."""

from ipaddress import ip_address

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from security.client_ip import ban_network, get_client_ip, parse_ip

IIS = "127.0.0.1"


def seen(peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().post("/api/queue", headers=headers, REMOTE_ADDR=peer)
    return str(get_client_ip(request))


@pytest.fixture
def behind_iis(settings: Settings):
    settings.TRUSTED_PROXIES = [IIS]


def test_it_works(behind_iis) -> None:
    assert seen(IIS, "10.1.2.3:51861") == "10.1.2.3"


@pytest.mark.parametrize(
    ("entry", "address"),
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
def test_each_way_of_writing_an_address_is_normalised(behind_iis, entry: str, address: str) -> None:
    assert seen(IIS, entry) == address


def test_without_a_trusted_proxy_the_header_changes_nothing() -> None:
    assert seen("198.51.100.7", "10.1.2.3") == "198.51.100.7"


def test_a_peer_that_is_no_proxy_can_not_claim_an_address(behind_iis) -> None:
    assert seen("198.51.100.7", "10.1.2.3") == "198.51.100.7"


def test_what_a_client_sends_in_front_of_the_proxys_entry_changes_nothing(behind_iis) -> None:
    assert seen(IIS, "1.1.1.1, garbage, 127.0.0.1, 10.1.2.3:51861") == "10.1.2.3"


def test_entries_of_trusted_proxies_are_passed_over(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [IIS, "10.0.0.0/24"]
    assert seen(IIS, "203.0.113.9, 10.0.0.5:443, 127.0.0.1:80") == "203.0.113.9"


def test_a_proxy_that_is_the_client_itself_is_the_peer(behind_iis) -> None:
    assert seen(IIS, "127.0.0.1:5000") == IIS


def test_a_proxy_may_be_set_as_ipv4_mapped(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["::ffff:127.0.0.1"]
    assert seen(IIS, "10.1.2.3") == "10.1.2.3"


def test_a_proxy_is_trusted_as_ipv4_mapped_peer_too(behind_iis) -> None:
    assert seen("::ffff:127.0.0.1", "10.1.2.3") == "10.1.2.3"


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
def test_garbage_is_not_believed_and_nothing_left_of_it_either(behind_iis, header: str) -> None:
    assert seen(IIS, header) == IIS


@pytest.mark.parametrize("peer", ["", "localhost", "unix", "\xff"])
def test_a_peer_without_an_address_is_nobodys(peer: str) -> None:
    assert seen(peer) == "0.0.0.0"


@given(text=st.text())
def test_any_text_is_an_address_or_none(text) -> None:
    address = parse_ip(text)
    assert address is None or ip_address(str(address)) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
    ],
)
def test_a_ban_is_one_ipv4_address_or_one_ipv6_64(address: str, network: str) -> None:
    assert ban_network(ip_address(address)) == network
