"""Refreshes of the caches, and writes of `last_used`, in the background."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import LOST, Serve, Server, eventually, failing
from security import refresh_thread
from security.models import ApiKey, BannedIP, FailedAttempt

pytestmark = pytest.mark.django_db(transaction=True)


def push(server: Server, key: str) -> int:
    sent = {"Content_Type": "application/json", "X_API_Key": key}
    return server.request("POST", "/api/queue", b'{"queue_name": "q"}', **sent)[0].status


def was_used() -> bool:
    return ApiKey.objects.exclude(last_used=None).exists()


@pytest.fixture
def key() -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


def test_the_last_use_is_written_without_another_request(serve: Serve, key: str) -> None:
    assert push(serve(), key) == 201
    assert eventually(was_used)


def test_the_last_use_is_written_when_the_server_stops(serve: Serve, key: str) -> None:
    server = serve()
    assert push(server, key) == 201
    assert server.stop() == 0
    assert was_used()


def test_a_key_of_another_process_works_at_once(serve: Serve, key: str) -> None:
    server = serve()
    assert push(server, key) == 201
    assert push(server, ApiKey.objects.issue("HR", lifetime=None)[1]) == 201


def test_bans_and_lifts_of_another_process_take_effect(serve: Serve, key: str) -> None:
    server = serve()
    assert push(server, key) == 201
    BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "by hand")
    assert eventually(lambda: push(server, key) == 403)
    BannedIP.objects.lift(by="anna")
    assert eventually(lambda: push(server, key) == 201)


def use_caches(key: str) -> None:
    ip = ip_address("203.0.113.9")
    assert ApiKey.with_secret(key)
    assert not BannedIP.is_banned(ip)
    FailedAttempt.clear_api_failures(ip)


def test_only_caches_that_were_used_are_refreshed(
    key: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    use_caches(key)
    with django_assert_num_queries(0):
        refresh_thread.refresh()
        use_caches(key)
    # the keys; the bans; the client IPs with failed attempts
    with django_assert_num_queries(3):
        refresh_thread.refresh()
        refresh_thread.refresh()


def test_an_error_is_logged_and_the_values_stay(key: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        use_caches(key)
    with failing("FROM", *[LOST] * 3):
        refresh_thread.refresh()
    assert "Could not refresh the caches" in caplog.text
    use_caches(key)


def test_last_used_is_written_although_a_lost_connection_can_not_be_closed(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("as mssql-python does")

    monkeypatch.setattr(refresh_thread, "close_old_connections", fail)
    ApiKey.objects.get().touch()
    refresh_thread.refresh()
    assert was_used()
