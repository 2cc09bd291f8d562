"""Bans by failed attempts."""

from datetime import timedelta
from typing import NoReturn

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.models import BannedIP, FailedAttempt
from security.models.bans import ban_cache
from security.tests.helpers import ITEM, invalidate_caches, right, wrong

pytestmark = pytest.mark.django_db


def test_it_works(api: Api) -> None:
    assert wrong(api, 5) == [401] * 5
    response = api.post("/api/queue", ITEM)
    assert response.status_code == 403
    assert response.json() == {
        "success": False,
        "error": "This client IP is banned after repeated failed attempts; "
        "try again later or ask the operators.",
        "reason": "banned",
    }
    assert not QueueItem.objects.exists()


def test_four_attempts_do_not_ban(api: Api) -> None:
    wrong(api, 4)
    assert right(api) == 201
    assert not BannedIP.objects.exists()


@pytest.mark.parametrize("path", ["/api/queue", "/api/queue/", "/api/trigger", "/api/nothing"])
def test_a_banned_ip_gets_403_on_each_path_of_the_api(api: Api, path: str) -> None:
    wrong(api, 5)
    assert api.post(path, ITEM).status_code == 403
    assert api.client.get(path).status_code == 403


def test_the_ban_has_its_reason_and_times(api: Api) -> None:
    before = timezone.now()
    wrong(api, 5)
    ban = BannedIP.objects.get()
    assert ban.network == "127.0.0.1"
    assert ban.attempts == 5
    assert ban.reason == "5 failed attempts"
    assert ban.expires - ban.created == timedelta(hours=1)
    assert before <= ban.created <= timezone.now()
    assert (ban.lifted, ban.lifted_by) == (None, None)


def test_bans_that_are_too_many_to_hold_are_looked_up(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    values = {"created": now, "expires": now + timedelta(hours=1), "reason": "r"}
    networks = [f"10.0.{number >> 8}.{number & 255}" for number in range(ban_cache.max_rows + 1)]
    BannedIP.objects.bulk_create(BannedIP(network=network, **values) for network in networks)
    assert right(api) == 201
    # the INSERT
    with django_assert_num_queries(1):
        assert right(api) == 201
    BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "by hand")
    assert right(api) == 403
    BannedIP.objects.lift(by="anna")
    assert right(api) == 201


def test_ban_after_and_ban_duration_are_settings(api: Api, settings: Settings) -> None:
    settings.BAN_AFTER = 2
    settings.BAN_DURATION = timedelta(minutes=7)
    assert wrong(api, 3) == [401, 401, 403]
    ban = BannedIP.objects.get()
    assert ban.expires - ban.created == timedelta(minutes=7)


def test_attempts_before_the_window_do_not_count(api: Api) -> None:
    wrong(api, 4)
    FailedAttempt.objects.update(time=timezone.now() - timedelta(minutes=15))
    wrong(api, 4)
    assert not BannedIP.objects.exists()
    wrong(api, 1)
    assert BannedIP.objects.exists()


def test_a_ban_expires(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.update(expires=timezone.now())
    invalidate_caches()
    assert right(api) == 201


def test_an_expired_ban_is_lifted_by_the_next_ban(api: Api) -> None:
    wrong(api, 5)
    expired = timezone.now()
    BannedIP.objects.update(expires=expired)
    invalidate_caches()
    wrong(api, 5)
    old, new = BannedIP.objects.order_by("pk")
    assert (old.lifted, old.lifted_by) == (expired, None)
    assert new.is_active


def test_attempts_before_a_lifted_ban_do_not_count(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.lift(by="anna")
    assert wrong(api, 4) == [401] * 4
    assert right(api) == 201


def test_the_database_refuses_a_second_active_ban_of_a_network(api: Api) -> None:
    wrong(api, 5)
    ban = BannedIP.objects.get()
    ban.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        ban.save(force_insert=True)


def test_lifted_by_is_the_acting_user(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.lift(by="anna")
    ban = BannedIP.objects.get()
    assert ban.lifted_by == "anna"
    assert ban.lifted
    assert ban.lifted <= timezone.now()
    assert right(api) == 201


def test_an_expired_ban_is_not_lifted(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.update(expires=timezone.now())
    assert BannedIP.objects.lift(by="anna") == []


def test_a_flood_from_a_banned_ip_takes_no_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wrong(api, 5)
    wrong(api)
    with django_assert_num_queries(0):
        assert wrong(api, 50) == [403] * 50
    assert FailedAttempt.objects.count() == 5


def test_an_ipv6_client_is_banned_with_its_64(api: Api, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for n in range(5):
        assert wrong(api, X_Forwarded_For=f"[2001:db8:1:2::{n}]:51760") == [401]
    assert right(api, X_Forwarded_For="2001:db8:1:2:ffff::1") == 403
    assert right(api, X_Forwarded_For="2001:db8:1:3::1") == 201
    assert BannedIP.objects.get().network == "2001:db8:1:2::/64"


def test_a_client_behind_the_proxy_does_not_ban_another(api: Api, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert wrong(api, 6, X_Forwarded_For="203.0.113.9:1") == [401] * 5 + [403]
    assert right(api, X_Forwarded_For="203.0.113.10:1") == 201


def test_a_forged_header_does_not_ban_another_client(api: Api, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    wrong(api, 5, X_Forwarded_For="198.51.100.1, 203.0.113.9:1")
    assert right(api, X_Forwarded_For="198.51.100.1:1") == 201


def test_failures_of_an_exempt_network_are_recorded_and_do_not_ban(
    api: Api, settings: Settings
) -> None:
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.0/8"]
    assert wrong(api, 7) == [401] * 7
    assert FailedAttempt.objects.count() == 7


def test_exempting_a_banned_ip_takes_effect_at_once(api: Api, settings: Settings) -> None:
    wrong(api, 5)
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]
    assert right(api) == 201


def test_other_paths_do_not_block_a_banned_ip(api: Api) -> None:
    wrong(api, 5)
    assert api.client.get("/nothing").status_code == 404


def test_a_failing_database_is_a_500(api: Api) -> None:
    with connection.execute_wrapper(fail):
        assert right(api) == 500


def fail(*_: object) -> NoReturn:
    raise RuntimeError("sql02 is on fire")


def test_attempts_in_progress_when_a_ban_began_do_not_count_after_it(
    api: Api, settings: Settings
) -> None:
    wrong(api, 5)
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]  # lets them pass as if they were in progress
    wrong(api, 4)
    settings.BAN_EXEMPT_NETWORKS = []
    BannedIP.objects.lift(by="anna")
    assert wrong(api, 5) == [401] * 5
    assert wrong(api) == [403]


def test_attempts_count_after_the_clock_was_set_back(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.lift(by="anna")
    an_hour = timedelta(hours=1)  # the clock is set back by it, so that all rows are in the future
    BannedIP.objects.update(created=F("created") + an_hour, lifted=F("lifted") + an_hour)
    FailedAttempt.objects.update(time=F("time") + an_hour)
    assert wrong(api, 6) == [401] * 5 + [403]


def test_attempts_before_a_ban_shorter_than_the_window_do_not_count(api: Api) -> None:
    wrong(api, 5)
    BannedIP.objects.update(expires=timezone.now())
    invalidate_caches()
    assert wrong(api, 6) == [401] * 5 + [403]
