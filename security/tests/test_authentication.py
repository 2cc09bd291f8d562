"""Authentication by X-API-Key."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.models import ApiKey
from security.refresh_thread import refresh
from security.tests.helpers import ITEM, invalidate_caches, no_writes_to, right

pytestmark = pytest.mark.django_db


def test_it_works(api: Api) -> None:
    assert right(api) == 201


def test_a_client_may_have_several_active_keys(api: Api) -> None:
    for _ in range(3):
        _, key = ApiKey.objects.issue("ERP", lifetime=None)
        assert right(api, X_API_Key=key) == 201


def last_used() -> datetime:
    ApiKey.objects.write_last_used()
    last_used = ApiKey.objects.get().last_used
    assert last_used
    return last_used


def expire(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(expires=timezone.now())
    invalidate_caches()


def wrong_keys(api: Api) -> dict[str, str]:
    expired, expired_text = ApiKey.objects.issue("Old", lifetime=timedelta(days=1))
    expire(expired)
    revoked, revoked_text = ApiKey.objects.issue("Bad", lifetime=None)
    revoked.revoke()
    return {
        "unknown": "abcdefgh." + "x" * 43,
        "empty": "",
        "expired": expired_text,
        "revoked": revoked_text,
        "cut off": api.key[:-1],
        "extended": api.key + "x",
        "other case": api.key.swapcase(),
        "its prefix": api.key[:8],
        "its hash": ApiKey.objects.get(client__name="ERP").hashed_secret,
        "5000 characters": "x" * 5000,
        "not ASCII": "nøgle",
        "invalid UTF-8": "\xff\xfe\x00",
        "quoted": f'"{api.key}"',
        "twice": f"{api.key}, {api.key}",
    }


def test_every_wrong_key_gets_the_same_401(api: Api, settings: Settings) -> None:
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]
    responses = {
        name: api.post("/api/queue", ITEM, X_API_Key=key) for name, key in wrong_keys(api).items()
    }
    no_key = api.client.post("/api/queue", ITEM, content_type="application/json")

    for name, response in {**responses, "missing": no_key}.items():
        assert response.status_code == 401, name
        assert response.json() == {
            "success": False,
            "error": "A valid API key is needed in the X-API-Key header.",
        }, name
        assert response["WWW-Authenticate"] == 'ApiKey realm="Queue API"', name
    assert not QueueItem.objects.exists()


def test_a_wrong_key_gets_401_before_the_body_is_parsed(api: Api) -> None:
    assert api.post("/api/queue", b"no JSON", X_API_Key="wrong").status_code == 401


def test_both_endpoints_need_a_key(api: Api) -> None:
    assert api.post("/api/trigger", {}, X_API_Key="wrong").status_code == 401


def test_a_wrong_method_without_a_key_gets_401(api: Api) -> None:
    assert api.client.get("/api/queue").status_code == 401


def test_an_expired_key_gets_401(api: Api) -> None:
    key = ApiKey.objects.get(client__name="ERP")
    key.expires = timezone.now() + timedelta(hours=1)
    key.save()
    assert right(api) == 201
    expire(key)
    assert right(api) == 401


def test_last_used_is_written(api: Api) -> None:
    api.post("/api/queue", ITEM)
    assert timezone.now() - last_used() < timedelta(minutes=1)


def test_last_used_is_written_at_most_once_a_minute(api: Api) -> None:
    recently = timezone.now() - timedelta(seconds=1)
    ApiKey.objects.update(last_used=recently)
    api.post("/api/queue", ITEM)
    assert last_used() == recently


def test_last_used_is_written_again_after_a_minute(api: Api) -> None:
    before = timezone.now() - timedelta(seconds=61)
    ApiKey.objects.update(last_used=before)
    api.post("/api/queue", ITEM)
    assert last_used() > before


def test_a_failed_attempt_does_not_write_last_used(api: Api) -> None:
    key = ApiKey.objects.get(client__name="ERP")
    key.revoke()
    api.post("/api/queue", ITEM)
    ApiKey.objects.write_last_used()
    assert ApiKey.objects.get(client__name="ERP").last_used is None


def test_the_last_uses_of_keys_are_written_together(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for name in ("ERP", "HR", "Web shop"):
        right(api, X_API_Key=ApiKey.objects.issue(name, lifetime=None)[1])
    # the UPDATE
    with django_assert_num_queries(1):
        ApiKey.objects.write_last_used()
    assert ApiKey.objects.exclude(last_used=None).count() == 3


def test_last_uses_that_are_too_many_for_one_statement_are_written_in_the_next(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("security.models.api_keys.MAX_TOUCHED", 2)
    for name in ("ERP", "HR", "Web shop"):
        right(api, X_API_Key=ApiKey.objects.issue(name, lifetime=None)[1])
    ApiKey.objects.write_last_used()
    assert ApiKey.objects.exclude(last_used=None).count() == 2
    ApiKey.objects.write_last_used()
    assert ApiKey.objects.exclude(last_used=None).count() == 3


def test_without_a_use_nothing_is_written(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        ApiKey.objects.write_last_used()


def test_no_secret_is_in_the_database_or_the_log(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    api.post("/api/queue", ITEM)
    api.post("/api/queue", b"no JSON")
    secret = api.key.partition(".")[2]
    assert secret not in caplog.text
    assert not any(secret in str(value) for value in ApiKey.objects.values_list().get())


@pytest.mark.django_db(transaction=True)
def test_a_last_use_that_can_not_be_written_is_written_later(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with no_writes_to("security_apikey"):
        assert right(api) == 201
        refresh()
    assert ApiKey.objects.get().last_used is None
    assert "Could not refresh the caches" in caplog.text
    assert timezone.now() - last_used() < timedelta(minutes=1)
