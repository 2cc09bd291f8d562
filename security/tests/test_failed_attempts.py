"""Records of failed attempts, and API calls that clear them."""

from datetime import timedelta
from threading import Timer

import pytest
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

import queueapi.urls
from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.models import ApiKey, BannedIP, Client, FailedAttempt
from security.models.failed_attempts import attempt_budget
from security.tests.helpers import login, no_writes_to, right, wrong
from triggers.models import Trigger

pytestmark = pytest.mark.django_db

# For a test with a page that checks no key.
urlpatterns = [*queueapi.urls.urlpatterns, path("api/open", lambda request: HttpResponse())]


def test_an_attempt_is_recorded(api: Api) -> None:
    wrong(api, User_Agent="x" * 5000)
    attempt = FailedAttempt.objects.get()
    assert abs(attempt.time - timezone.now()) < timedelta(minutes=1)
    assert attempt.client_ip == "127.0.0.1"
    assert attempt.path == "/api/queue"
    assert attempt.method == "POST"
    assert attempt.user_agent == "x" * 200
    assert attempt.reason == "unknown"
    assert attempt.key is None


def test_a_missing_key_is_recorded_as_missing(api: Api) -> None:
    wrong(api, X_API_Key="")
    assert FailedAttempt.objects.get().reason == "missing"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("OPTIONS", {"Origin": "https://evil.example.org"}),
        ("POST", {"Origin": "null"}),
        ("POST", {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_a_possible_cross_site_request_without_a_key_is_not_recorded(
    api: Api, method: str, headers: dict[str, str]
) -> None:
    response = api.client.generic(method, "/api/queue", b"{}", "application/json", headers=headers)
    assert response.status_code == 401
    assert not FailedAttempt.objects.exists()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT"])
def test_a_wrong_key_is_recorded_with_any_method_and_headers(api: Api, method: str) -> None:
    headers = {"X-API-Key": "wrong", "Origin": "null", "Sec-Fetch-Site": "cross-site"}
    api.client.generic(method, "/api/queue", b"{}", "application/json", headers=headers)
    assert FailedAttempt.objects.get().reason == "unknown"


@pytest.fixture
def three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the budget to three rows, without a timer that would run after the test."""
    monkeypatch.setattr(Timer, "start", lambda timer: None)
    for name, value in {"left": 3, "left_out": 0, "rate": 0}.items():
        monkeypatch.setattr(attempt_budget, name, value)


def test_a_flood_adds_a_limited_number_of_rows(
    api: Api, settings: Settings, three_rows: None
) -> None:
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]
    assert wrong(api, 10) == [401] * 10
    assert FailedAttempt.objects.count() == 3


def test_failed_logins_are_recorded_in_a_flood(api: Api, three_rows: None) -> None:
    wrong(api, 4)
    login(api.client)
    assert FailedAttempt.objects.filter(reason="admin login").count() == 1


def test_an_attempt_that_is_not_recorded_queries_only_the_key(
    api: Api, three_rows: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wrong(api, 4)
    with django_assert_num_queries(1):  # the key
        assert wrong(api) == [401]


def test_an_expired_key_is_recorded_with_the_attempt(api: Api) -> None:
    key, text = ApiKey.objects.issue("Old", lifetime=timedelta(days=1))
    ApiKey.objects.filter(pk=key.pk).update(expires=timezone.now())
    wrong(api, X_API_Key=text)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.key) == ("expired", key)


def test_a_revoked_key_is_recorded_with_the_attempt(api: Api) -> None:
    key, text = ApiKey.objects.issue("Old", lifetime=None)
    key.revoke()
    wrong(api, X_API_Key=text)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.key) == ("revoked", key)


def test_no_secret_password_or_body_is_recorded_or_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    api.post("/api/queue?key=s3cret", {"queue_name": "s3cret"}, X_API_Key="s3cret")
    login(api.client, username="s3cret-user", password="s3cret")
    for attempt in FailedAttempt.objects.values():
        assert "s3cret" not in str(attempt)
    assert "s3cret" not in caplog.text


def test_an_unusual_request_is_recorded(api: Api) -> None:
    headers = {"User-Agent": "\xff\x01", "X-API-Key": "wrong"}
    api.client.generic("B" * 50, "/api/queue/?" + "x" * 5000, headers=headers)
    attempt = FailedAttempt.objects.get()
    assert (attempt.method, attempt.path, attempt.user_agent) == (
        "B" * 10,
        "/api/queue/",
        "\xff\x01",
    )


def test_a_failure_that_can_not_be_recorded_gets_401(api: Api) -> None:
    with no_writes_to("security_failedattempt"):
        assert wrong(api) == [401]


def test_a_successful_call_clears_api_failures(api: Api) -> None:
    for _ in range(3):
        wrong(api, 4)
        assert right(api) == 201
    assert not BannedIP.objects.exists()


def test_a_304_clears_api_failures(api: Api) -> None:
    Client.objects.get().limit(may_read=True)
    item = QueueItem.objects.create(queue_name="q")
    etag = api.get(f"/api/queue/{item.pk}")["ETag"]
    wrong(api, 4)
    assert api.get(f"/api/queue/{item.pk}", If_None_Match=etag).status_code == 304
    assert wrong(api, 4) == [401] * 4


def test_cleared_attempts_are_not_deleted(api: Api) -> None:
    wrong(api, 4)
    right(api)
    assert FailedAttempt.objects.count() == 4


def test_a_successful_call_does_not_clear_failed_logins(api: Api) -> None:
    for _ in range(4):
        login(api.client)
    right(api)
    wrong(api, 1)
    assert right(api) == 403


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415])
def test_a_call_with_another_error_does_not_clear_api_failures(api: Api, status: int) -> None:
    wrong(api, 4)
    response = {
        400: lambda: api.post("/api/queue", {}),
        403: lambda: api.get("/api/queue", {"reference": "x"}),
        404: lambda: api.post("/api/trigger", {"trigger_name": "x"}),
        405: lambda: api.client.put("/api/queue", headers={"X-API-Key": api.key}),
        415: lambda: api.post("/api/queue", {}, Content_Type="text/plain"),
    }[status]()
    assert response.status_code == status
    wrong(api, 1)
    assert right(api) == 403


@pytest.mark.parametrize("path", ["/api/", "/api/docs", "/api/schema"])
def test_the_documentation_does_not_clear_api_failures(api: Api, path: str) -> None:
    for _ in range(4):
        wrong(api)
        api.get(path)  # with a valid key, which is not checked
    wrong(api)
    assert right(api) == 403


@pytest.mark.urls(__name__)
def test_a_page_without_a_key_check_does_not_clear_api_failures(api: Api) -> None:
    for _ in range(4):
        wrong(api)
        assert api.get("/api/open").status_code == 200  # with a valid key, which is not checked
    wrong(api)
    assert right(api) == 403


def test_a_client_without_failures_takes_no_extra_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    right(api)
    with django_assert_num_queries(1):  # the INSERT
        right(api)


def test_a_successful_trigger_call_clears_api_failures(api: Api) -> None:
    wrong(api, 4)
    Trigger.objects.create(trigger_name="T", type="SINGLE")
    assert api.post("/api/trigger", {"trigger_name": "T"}).status_code == 200
    assert wrong(api, 4) == [401] * 4


@pytest.mark.django_db(transaction=True)
def test_a_successful_call_that_can_not_clear_failures_gets_201(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    wrong(api)
    with no_writes_to("security_failedattempt"):
        assert right(api) == 201
    assert QueueItem.objects.count() == 1
    assert "Could not record" in caplog.text
