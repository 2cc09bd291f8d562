"""ban_ip, unban_ip, list_bans and prune_failed_attempts."""

from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone
from pytest_django import Settings

from queueapi.tests.helpers import Api
from security.management.acting_user import acting_user
from security.models import BannedIP, FailedAttempt
from security.tests.helpers import right, run, wrong

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def ban(network: str) -> BannedIP:
    return BannedIP.objects.ban(network, HOUR, "5 failed attempts", attempts=5)


def active() -> set[str]:
    return set(BannedIP.objects.active().values_list("network", flat=True))


# ban_ip


def test_ban_ip_works(api: Api) -> None:
    out, _ = run("ban_ip", "127.0.0.1")
    until = BannedIP.objects.get().expires
    assert out == f"Banned 127.0.0.1 until {until:%Y-%m-%d %H:%M}.\n"
    assert right(api) == 403


def test_ban_ip_lasts_for_ban_duration() -> None:
    run("ban_ip", "203.0.113.9")
    row = BannedIP.objects.get()
    assert row.expires - row.created == HOUR


def test_ban_ip_sets_duration_and_reason() -> None:
    run("ban_ip", "203.0.113.9", "--for", "2h", "--reason", "Port scan")
    row = BannedIP.objects.get()
    assert row.expires - row.created == 2 * HOUR
    assert (row.reason, row.attempts) == ("Port scan", 0)


def test_ban_ip_truncates_the_reason_to_one_line() -> None:
    run("ban_ip", "203.0.113.9", "--reason", "Port\n scan" + "!" * 500)
    assert BannedIP.objects.get().reason == ("Port scan" + "!" * 500)[:200]


@pytest.mark.parametrize("text", ["2001:db8:1:2::7", "2001:db8:1:2::/64"])
def test_ban_ip_of_an_ipv6_address_is_its_64(text: str) -> None:
    run("ban_ip", text)
    assert active() == {"2001:db8:1:2::/64"}


def test_ban_ip_replaces_an_active_ban() -> None:
    ban("203.0.113.9")
    run("ban_ip", "203.0.113.9", "--for", "30d")
    old, new = BannedIP.objects.order_by("pk")
    assert old.lifted_by == acting_user()
    assert new.is_active
    assert new.expires - new.created == timedelta(days=30)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "203.0.113.0/24", "2001:db8::/32", "203.0.113.999", "example.org"]
)
def test_ban_ip_of_an_invalid_ip_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="is not an IP address"):
        run("ban_ip", text)
    assert not BannedIP.objects.exists()


def test_ban_ip_of_an_exempt_ip_is_an_error(settings: Settings) -> None:
    settings.BAN_EXEMPT_NETWORKS = ["10.0.0.0/8"]
    with pytest.raises(CommandError, match="BAN_EXEMPT_NETWORKS"):
        run("ban_ip", "10.1.2.3")


@pytest.mark.parametrize("duration", ["0", "-1h", "soon"])
def test_ban_ip_for_an_invalid_duration_is_an_error(duration: str) -> None:
    with pytest.raises(CommandError):
        run("ban_ip", "203.0.113.9", f"--for={duration}")
    assert not BannedIP.objects.exists()


# unban_ip


def test_unban_ip_works(api: Api) -> None:
    wrong(api, 5)
    out, _ = run("unban_ip", "127.0.0.1")
    assert out == "Lifted the ban of 127.0.0.1 (5 failed attempts).\n"
    assert right(api) == 201
    assert BannedIP.objects.get().lifted_by == acting_user()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("203.0.113.9", {"203.0.113.10", "198.51.100.1", "2001:db8:1:2::/64"}),
        ("203.0.113.0/24", {"198.51.100.1", "2001:db8:1:2::/64"}),
        ("0.0.0.0/0", {"2001:db8:1:2::/64"}),
        ("2001:db8:1:2::9", {"203.0.113.9", "203.0.113.10", "198.51.100.1"}),
        ("2001:db8:1:2::/64", {"203.0.113.9", "203.0.113.10", "198.51.100.1"}),
        ("2001:db8:1:2:3::/80", {"203.0.113.9", "203.0.113.10", "198.51.100.1"}),
        ("2001:db8::/32", {"203.0.113.9", "203.0.113.10", "198.51.100.1"}),
    ],
)
def test_unban_ip_lifts_the_bans_of_an_ip_or_network(text: str, left: set[str]) -> None:
    for network in ("203.0.113.9", "203.0.113.10", "198.51.100.1", "2001:db8:1:2::/64"):
        ban(network)
    run("unban_ip", text)
    assert active() == left


def test_unban_ip_all_lifts_and_shows_every_ban() -> None:
    ban("203.0.113.9")
    ban("2001:db8:1:2::/64")
    out, _ = run("unban_ip", "--all")
    assert "203.0.113.9" in out
    assert "2001:db8:1:2::/64" in out
    assert active() == set()


@pytest.mark.parametrize("text", ["203.0.113.9", "203.0.113.0/24", "2001:db8::1"])
def test_unban_ip_of_an_ip_that_is_not_banned_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="is not banned") as error:
        run("unban_ip", text)
    assert error.value.returncode == 1


def test_unban_ip_all_without_bans_is_an_error() -> None:
    with pytest.raises(CommandError, match="No IP is banned"):
        run("unban_ip", "--all")


@pytest.mark.parametrize("text", ["nonsense", "203.0.113.999", "203.0.113.0/99", ""])
def test_unban_ip_of_an_invalid_ip_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="neither an IP address nor a network"):
        run("unban_ip", text)


def test_unban_ip_takes_either_an_ip_or_all() -> None:
    with pytest.raises(CommandError):
        run("unban_ip")
    with pytest.raises(CommandError):
        run("unban_ip", "203.0.113.9", "--all")


# list_bans


def test_list_bans_works() -> None:
    ban("203.0.113.9")
    header, line = run("list_bans")[0].splitlines()
    assert header.split()[:3] == ["NETWORK", "CREATED", "EXPIRES"]
    assert line.startswith("203.0.113.9 ")
    assert "  5   " in line
    assert line.endswith("5 failed attempts")


def test_list_bans_all_shows_ended_bans() -> None:
    ban("203.0.113.9")
    BannedIP.objects.lift(by="anna")
    ban("203.0.113.10")
    BannedIP.objects.filter(network="203.0.113.10").update(expires=timezone.now())
    assert run("list_bans") == ("", "No IP is banned.\n")
    out, _ = run("list_bans", "--all")
    _, expired, lifted = out.splitlines()
    assert "ran out" in expired
    assert "anna" in lifted


# prune_failed_attempts


def attempts(count: int, age: timedelta) -> None:
    FailedAttempt.objects.bulk_create(
        FailedAttempt(
            client_ip="203.0.113.9",
            network="203.0.113.9",
            method="POST",
            path="/api/queue",
            reason="unknown",
            time=timezone.now() - age,
        )
        for _ in range(count)
    )


def test_prune_works() -> None:
    attempts(3, timedelta(days=91))
    attempts(2, timedelta(days=89))
    assert run("prune_failed_attempts")[0] == "3 failed attempts deleted.\n"
    assert FailedAttempt.objects.count() == 2


def test_prune_older_than_sets_the_age() -> None:
    attempts(1, timedelta(days=8))
    attempts(1, timedelta(days=6))
    assert run("prune_failed_attempts", "--older-than", "7d")[0] == "1 failed attempts deleted.\n"


def test_prune_dry_run_deletes_nothing() -> None:
    attempts(3, timedelta(days=91))
    out, _ = run("prune_failed_attempts", "--dry-run")
    assert out == "3 failed attempts would be deleted.\n"
    assert FailedAttempt.objects.count() == 3


def test_prune_deletes_more_than_one_batch() -> None:
    attempts(2500, timedelta(days=91))
    assert run("prune_failed_attempts")[0] == "2500 failed attempts deleted.\n"


def test_prune_deletes_only_bans_that_ended_long_ago() -> None:
    active, expired, lifted, recent = (ban(f"203.0.113.{n}") for n in range(4))
    long_ago = timezone.now() - timedelta(days=91)
    BannedIP.objects.filter(pk=expired.pk).update(expires=long_ago)
    BannedIP.objects.filter(pk=lifted.pk).update(lifted=long_ago)
    BannedIP.objects.filter(pk=recent.pk).update(lifted=timezone.now())
    out, _ = run("prune_failed_attempts")
    assert out == "0 failed attempts deleted.\n2 ended bans deleted.\n"
    assert set(BannedIP.objects.all()) == {active, recent}
