"""Rate limits and their headers."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import NoReturn

import pytest
from django.db import connection

from queueapi.api.viewsets import ClientViewSet
from queueapi.tests.helpers import Api
from queues.views import QueueItemViewSet
from security.models import ApiKey
from security.tests.helpers import ITEM, right, wrong
from security.throttling import ClientRateThrottle
from triggers.views import TriggerViewSet

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of django-ratelimit, so that a test runs in one window."""
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: NOW))


def set_rate(monkeypatch: pytest.MonkeyPatch, viewset: type[ClientViewSet], rate: str) -> None:
    """Set the rate of the viewset's first action."""
    action, limit = next(iter(viewset.limits.items()))
    monkeypatch.setitem(viewset.limits, action, replace(limit, rate=rate))


@pytest.fixture
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    set_rate(monkeypatch, QueueItemViewSet, "3/m")


def test_it_works(api: Api, three_a_minute: None) -> None:
    assert [right(api) for _ in range(5)] == [201] * 3 + [429] * 2


def test_the_default_rates_are_those_of_the_contract() -> None:
    assert QueueItemViewSet.limits["create"].rate == "1000/m"
    assert TriggerViewSet.limits["set_status"].rate == "10/m"


def test_a_429_has_the_seconds_until_the_next_window(api: Api, three_a_minute: None) -> None:
    for _ in range(3):
        api.post("/api/queue", ITEM)
    response = api.post("/api/queue", ITEM)
    wait = int(response["Retry-After"])
    assert 1 <= wait <= 60
    assert response.json() == {
        "success": False,
        "error": "This client has reached its limit for this endpoint; "
        f"try again in {wait} second{'s' if wait > 1 else ''}.",
    }
    assert response["RateLimit-Limit"] == "3"
    assert response["RateLimit-Remaining"] == "0"
    assert response["RateLimit-Reset"] == str(wait)


def test_an_accepted_response_has_the_rate_limit_headers(api: Api, three_a_minute: None) -> None:
    for left in ("2", "1", "0"):
        response = api.post("/api/queue", ITEM)
        assert response["RateLimit-Limit"] == "3"
        assert response["RateLimit-Remaining"] == left
        assert 1 <= int(response["RateLimit-Reset"]) <= 60


@pytest.mark.parametrize(
    ("rate", "window"), [("3/m", 60), ("3/s", 1), ("3/5m", 300), ("3/h", 3600), ("3/2d", 172_800)]
)
def test_responses_have_the_headers_of_the_draft_standard(
    api: Api, monkeypatch: pytest.MonkeyPatch, rate: str, window: int
) -> None:
    set_rate(monkeypatch, QueueItemViewSet, rate)
    response = api.post("/api/queue", ITEM)
    assert response["RateLimit-Policy"] == f'"queue";q=3;w={window}'
    assert response["RateLimit"] == f'"queue";r=2;t={response["RateLimit-Reset"]}'


def test_an_error_has_the_rate_limit_headers(api: Api, three_a_minute: None) -> None:
    assert api.post("/api/queue", {})["RateLimit-Remaining"] == "2"
    response = api.post("/api/trigger", {})
    assert response["RateLimit-Policy"] == '"trigger";q=10;w=60'
    assert response["RateLimit"].startswith('"trigger";r=9;t=')


def test_the_next_window_counts_from_0(
    api: Api, three_a_minute: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        api.post("/api/queue", ITEM)
    wait = int(api.post("/api/queue", ITEM)["Retry-After"])
    later = NOW + wait
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: later))
    assert right(api) == 201


def test_each_endpoint_has_its_own_counter(api: Api, three_a_minute: None) -> None:
    for _ in range(4):
        api.post("/api/queue", ITEM)
    assert api.post("/api/trigger", {"trigger_name": "x"}).status_code == 404


def test_paths_with_and_without_a_slash_count_together(api: Api, three_a_minute: None) -> None:
    for path in ("/api/queue", "/api/queue/", "/api/queue"):
        api.post(path, ITEM)
    assert api.post("/api/queue/", ITEM).status_code == 429


def test_all_keys_of_a_client_count_together(api: Api, three_a_minute: None) -> None:
    _, second = ApiKey.objects.issue("ERP", lifetime=None)
    for key in (api.key, second, api.key):
        api.post("/api/queue", ITEM, X_API_Key=key)
    assert api.post("/api/queue", ITEM, X_API_Key=second).status_code == 429


def test_clients_with_the_same_ip_count_separately(api: Api, three_a_minute: None) -> None:
    _, other = ApiKey.objects.issue("Payroll", lifetime=None)
    for _ in range(4):
        api.post("/api/queue", ITEM)
    assert api.post("/api/queue", ITEM, X_API_Key=other).status_code == 201


def test_failed_authentication_is_not_counted(api: Api, three_a_minute: None) -> None:
    for _ in range(4):
        response = api.post("/api/queue", ITEM, X_API_Key="wrong")
        assert "RateLimit-Limit" not in response
    assert api.post("/api/queue", ITEM)["RateLimit-Remaining"] == "2"


def test_a_429_does_not_ban(api: Api, three_a_minute: None) -> None:
    codes = [right(api) for _ in range(20)]
    assert codes == [201] * 3 + [429] * 17


@pytest.mark.django_db(transaction=True)
def test_exactly_the_limit_passes_when_32_threads_race(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(monkeypatch, TriggerViewSet, "100/m")
    api.post("/api/trigger", {"trigger_name": "x"})  # one, so that the key is cached
    start = threading.Barrier(32)

    def race(number: int) -> list[int]:
        start.wait()
        try:
            return [api.post("/api/trigger", {}).status_code for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as threads:
        codes = [code for each in threads.map(race, range(32)) for code in each]
    assert codes.count(400) == 99
    assert codes.count(429) == 61


class Broken:
    """A cache whose server is down."""

    def add(self, *_: object) -> NoReturn:
        raise ConnectionError("redis.example.org is away")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ratelimit.core.caches", {"counters": Broken()})
    monkeypatch.setattr(ClientRateThrottle, "retry_at", 0.0)


def test_without_a_cache_requests_are_not_limited(
    api: Api, three_a_minute: None, away: None
) -> None:
    responses = [api.post("/api/queue", ITEM) for _ in range(5)]
    assert [response.status_code for response in responses] == [201] * 5
    assert "RateLimit-Limit" not in responses[0]


def test_without_a_cache_keys_and_bans_are_checked(api: Api, away: None) -> None:
    assert wrong(api, 6) == [401] * 5 + [403]


def test_an_outage_of_the_cache_is_logged_once_a_minute(
    api: Api, away: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    clock = 1000.0
    for module in ("security.throttling", "queueapi.log_format"):
        monkeypatch.setattr(f"{module}.monotonic", lambda: clock)
    for _ in range(30):
        api.post("/api/queue", ITEM)
        clock += 1.9
    assert caplog.text.count("The cache is away") == 1
    clock += 10
    api.post("/api/queue", ITEM)
    assert caplog.text.count("The cache is away") == 2


def test_a_cache_that_hangs_is_not_used_by_every_request(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def raise_timeout(*_: object, **__: object) -> NoReturn:
        calls.append(1)
        raise TimeoutError

    monkeypatch.setattr("security.throttling.get_usage", raise_timeout)
    monkeypatch.setattr(ClientRateThrottle, "retry_at", 0.0)
    for _ in range(5):
        api.post("/api/queue", ITEM)
    assert len(calls) == 1


def test_a_cache_that_does_not_count_is_an_outage(
    api: Api, three_a_minute: None, away: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NotCounting:
        def add(self, *_: object) -> bool:
            return False

        def incr(self, *_: object) -> NoReturn:
            raise ValueError

    monkeypatch.setattr("django_ratelimit.core.caches", {"counters": NotCounting()})
    assert right(api) == 201


def test_the_end_of_a_window_is_no_outage(
    api: Api, three_a_minute: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """django-ratelimit reads the clock twice, and may be one second past its window's end."""
    end = NOW + int(api.post("/api/queue", ITEM)["RateLimit-Reset"]) - 1
    clock = iter([end, end + 1] * 10)
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: next(clock)))
    codes = [right(api) for _ in range(4)]
    assert codes == [201, 201, 429, 429]


def test_an_invalid_rate_is_a_500(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    set_rate(monkeypatch, QueueItemViewSet, "nonsense")
    assert right(api) == 500
