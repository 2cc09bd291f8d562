"""How many requests a client has, and what it is told."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import connection

from queueapi.tests.helpers import Api
from queues.views import QueueItemViewSet
from security.models import ApiKey
from security.throttling import ClientRateThrottle
from triggers.views import TriggerViewSet

pytestmark = pytest.mark.django_db

ITEM = {"queue_name": "q"}
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def one_window(monkeypatch: pytest.MonkeyPatch):
    """Holds the clock of django-ratelimit, so that no test straddles two windows."""
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: NOW))


@pytest.fixture
def three_a_minute(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(QueueItemViewSet, "rate", "3/m")


def test_it_works(api: Api, three_a_minute) -> None:
    assert [api.post("/api/queue", ITEM).status_code for _ in range(5)] == [201] * 3 + [429] * 2


def test_the_contracts_rates_are_the_defaults() -> None:
    assert QueueItemViewSet.rate == "1000/m"
    assert TriggerViewSet.rate == "10/m"


def test_a_429_says_when_to_try_again(api: Api, three_a_minute) -> None:
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


def test_an_accepted_answer_says_where_the_client_stands(api: Api, three_a_minute) -> None:
    for left in ("2", "1", "0"):
        response = api.post("/api/queue", ITEM)
        assert response["RateLimit-Limit"] == "3"
        assert response["RateLimit-Remaining"] == left
        assert 1 <= int(response["RateLimit-Reset"]) <= 60


def test_an_error_says_it_too(api: Api, three_a_minute) -> None:
    assert api.post("/api/queue", {})["RateLimit-Remaining"] == "2"


def test_the_next_window_begins_anew(
    api: Api, three_a_minute, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        api.post("/api/queue", ITEM)
    wait = int(api.post("/api/queue", ITEM)["Retry-After"])
    later = NOW + wait
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: later))
    assert api.post("/api/queue", ITEM).status_code == 201


def test_each_endpoint_counts_for_itself(api: Api, three_a_minute) -> None:
    for _ in range(4):
        api.post("/api/queue", ITEM)
    assert api.post("/api/trigger", {"trigger_name": "x"}).status_code == 404


def test_both_spellings_of_a_path_count_together(api: Api, three_a_minute) -> None:
    for path in ("/api/queue", "/api/queue/", "/api/queue"):
        api.post(path, ITEM)
    assert api.post("/api/queue/", ITEM).status_code == 429


def test_all_keys_of_a_client_count_together(api: Api, three_a_minute) -> None:
    _, second = ApiKey.objects.issue("ERP", lifetime=None)
    for key in (api.key, second, api.key):
        api.post("/api/queue", ITEM, X_API_Key=key)
    assert api.post("/api/queue", ITEM, X_API_Key=second).status_code == 429


def test_clients_that_share_an_address_count_apart(api: Api, three_a_minute) -> None:
    _, other = ApiKey.objects.issue("Payroll", lifetime=None)
    for _ in range(4):
        api.post("/api/queue", ITEM)
    assert api.post("/api/queue", ITEM, X_API_Key=other).status_code == 201


def test_what_fails_authentication_is_not_counted(api: Api, three_a_minute) -> None:
    for _ in range(4):
        response = api.post("/api/queue", ITEM, X_API_Key="wrong")
        assert "RateLimit-Limit" not in response
    assert api.post("/api/queue", ITEM)["RateLimit-Remaining"] == "2"


def test_a_429_bans_nobody(api: Api, three_a_minute) -> None:
    codes = [api.post("/api/queue", ITEM).status_code for _ in range(20)]
    assert codes == [201] * 3 + [429] * 17


@pytest.mark.django_db(transaction=True)
def test_exactly_the_limit_passes_when_32_threads_race(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TriggerViewSet, "rate", "100/m")
    api.post("/api/trigger", {"trigger_name": "x"})  # one, so that the key is known
    start = threading.Barrier(32)

    def race(_) -> list[int]:
        start.wait()
        try:
            return [api.post("/api/trigger", {}).status_code for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as threads:
        codes = [code for answers in threads.map(race, range(32)) for code in answers]
    assert codes.count(400) == 99
    assert codes.count(429) == 61


class Broken:
    """A cache whose server is away."""

    def add(self, *_):
        raise ConnectionError("redis.example.org is away")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("django_ratelimit.core.caches", {"default": Broken()})
    monkeypatch.setattr(ClientRateThrottle, "retry_at", 0.0)


def test_while_the_cache_is_away_requests_pass(api: Api, three_a_minute, away) -> None:
    responses = [api.post("/api/queue", ITEM) for _ in range(5)]
    assert [response.status_code for response in responses] == [201] * 5
    assert "RateLimit-Limit" not in responses[0]


def test_while_the_cache_is_away_keys_and_bans_hold(api: Api, away) -> None:
    codes = [api.post("/api/queue", ITEM, X_API_Key="wrong").status_code for _ in range(6)]
    assert codes == [401] * 5 + [403]


def test_that_the_cache_is_away_is_logged_once_a_minute(
    api: Api, away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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


def test_a_cache_that_hangs_is_not_asked_by_every_request(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def raise_timeout(*_, **__):
        asked.append(1)
        raise TimeoutError

    monkeypatch.setattr("security.throttling.get_usage", raise_timeout)
    monkeypatch.setattr(ClientRateThrottle, "retry_at", 0.0)
    for _ in range(5):
        api.post("/api/queue", ITEM)
    monkeypatch.setattr(ClientRateThrottle, "retry_at", 0.0)
    assert len(asked) == 1


def test_a_cache_that_does_not_count_counts_as_away(
    api: Api, three_a_minute, away, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful:
        def add(self, *_):
            return False

        def incr(self, *_):
            raise ValueError

    monkeypatch.setattr("django_ratelimit.core.caches", {"default": Forgetful()})
    assert api.post("/api/queue", ITEM).status_code == 201


def test_the_turn_of_a_second_is_no_outage(
    api: Api, three_a_minute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """django-ratelimit reads the clock twice, and may be one second past its window's end."""
    end = NOW + int(api.post("/api/queue", ITEM)["RateLimit-Reset"]) - 1
    clock = iter([end, end + 1] * 10)
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: next(clock)))
    codes = [api.post("/api/queue", ITEM).status_code for _ in range(4)]
    assert codes == [201, 201, 429, 429]


def test_a_viewset_without_a_rate_is_a_500_and_not_without_limit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QueueItemViewSet, "rate", "nonsense")
    assert api.post("/api/queue", ITEM).status_code == 500
