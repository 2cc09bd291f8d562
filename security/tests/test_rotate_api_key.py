from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import run

pytestmark = pytest.mark.django_db


def status(api: Api, key: str) -> int:
    return api.post("/api/queue", {"queue_name": "q"}, X_API_Key=key.strip()).status_code


def left(key: ApiKey) -> timedelta:
    key.refresh_from_db()
    return key.expires - timezone.now()


def test_it_works(api: Api) -> None:
    new, _ = run("rotate_api_key", "ERP")
    assert status(api, new) == 201
    assert status(api, api.key) == 201


def test_the_key_is_alone_on_stdout(api: Api) -> None:
    out, err = run("rotate_api_key", "ERP")
    assert len(out.split()) == 1
    assert out.strip() not in err


def test_the_overlap_is_a_day_unless_told_otherwise(api: Api) -> None:
    run("rotate_api_key", "ERP")
    old = ApiKey.objects.earliest("created")
    assert timedelta(hours=23, minutes=59) < left(old) <= timedelta(hours=24)


def test_the_overlap_ends_all_older_keys(api: Api) -> None:
    run("create_api_key", "ERP")
    _, err = run("rotate_api_key", "ERP", "--overlap", "2h")
    first, second, _ = ApiKey.objects.order_by("pk")
    for old in (first, second):
        assert timedelta(hours=1, minutes=59) < left(old) <= timedelta(hours=2)
        assert f"Old key {old.prefix} works until" in err


def test_overlap_0_ends_them_at_once(api: Api) -> None:
    new, err = run("rotate_api_key", "ERP", "--overlap", "0")
    assert status(api, api.key) == 401
    assert status(api, new) == 201
    assert "Its older keys have ended." in err


def test_a_key_that_ends_before_the_overlap_is_not_prolonged(api: Api) -> None:
    soon = timezone.now() + timedelta(hours=1)
    ApiKey.objects.update(expires=soon)
    run("rotate_api_key", "ERP")
    assert ApiKey.objects.earliest("created").expires == soon


def test_keys_of_other_clients_stay_as_they_are(api: Api) -> None:
    run("create_api_key", "Payroll", "--expires", "never")
    run("rotate_api_key", "ERP", "--overlap", "0")
    assert ApiKey.objects.get(client="Payroll").expires is None


def test_the_new_key_lives_as_long_as_the_old_one_was_given() -> None:
    run("create_api_key", "Payroll", "--expires", "30d")
    for _ in range(3):
        run("rotate_api_key", "Payroll", "--overlap", "1h")
        assert ApiKey.objects.latest("pk").lifetime == timedelta(days=30)


@pytest.mark.parametrize(("longest", "lifetime"), [("365d", timedelta(days=365)), ("never", None)])
def test_the_longest_of_several_lifetimes_counts(longest: str, lifetime: Any) -> None:
    for expires in ("1h", longest, "2h"):
        run("create_api_key", "Payroll", "--expires", expires)
    run("rotate_api_key", "Payroll", "--overlap", "0")
    assert ApiKey.objects.latest("pk").lifetime == lifetime


def test_an_unknown_client_is_an_error() -> None:
    with pytest.raises(CommandError, match="No client with an active key is named 'Nobody'"):
        run("rotate_api_key", "Nobody")


def test_a_client_whose_keys_are_revoked_does_not_come_back_by_rotation(api: Api) -> None:
    ApiKey.objects.get().revoke()
    with pytest.raises(CommandError, match="create_api_key"):
        run("rotate_api_key", "ERP")
    assert not ApiKey.objects.active().exists()
