"""What the middleware observes of each request."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from queueapi.access import refusal_reason
from queueapi.tests.helpers import Api
from security.models import ApiKey, BannedIP
from security.tests.helpers import invalidate_caches

ITEM = {"queue_name": "q"}


def reason(response: Any) -> str:
    return refusal_reason(response.wsgi_request, response)


def test_a_wrong_key_is_unknown(api: Api) -> None:
    assert reason(api.post("/api/queue", ITEM, X_API_Key="wrong")) == "unknown"


def test_no_key_is_missing(api: Api) -> None:
    assert reason(api.client.post("/api/queue")) == "missing"


def test_an_expired_key_is_expired(api: Api) -> None:
    ApiKey.objects.update(expires=timezone.now() - timedelta(days=1))
    invalidate_caches()
    assert reason(api.post("/api/queue", ITEM)) == "expired"


def test_a_revoked_key_is_revoked(api: Api) -> None:
    ApiKey.objects.get().revoke()
    assert reason(api.post("/api/queue", ITEM)) == "revoked"


def test_a_banned_ip_is_banned(api: Api) -> None:
    BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "by hand")
    assert reason(api.post("/api/queue", ITEM)) == "banned"


def test_a_limit_of_the_client_is_not_allowed(api: Api) -> None:
    assert reason(api.get("/api/queue", {"reference": "r"})) == "not_allowed"


def test_a_rate_limit_is_rate_limited(api: Api) -> None:
    for _ in range(10):
        api.post("/api/trigger", {})
    assert reason(api.post("/api/trigger", {})) == "rate_limited"


@pytest.mark.parametrize("body", [b"no JSON", {}])
def test_a_bad_request_is_invalid(api: Api, body: object) -> None:
    assert reason(api.post("/api/queue", body)) == "invalid"


@pytest.mark.parametrize("path", ["/api/queue", "/api/nothing"])
def test_other_responses_have_no_reason(api: Api, path: str) -> None:
    assert reason(api.post(path, ITEM)) == ""


def test_a_403_of_the_admin_has_no_reason(api: Api) -> None:
    assert refusal_reason(api.client.get("/admin/").wsgi_request, HttpResponse(status=403)) == ""
