from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import right, run

pytestmark = pytest.mark.django_db


def status(api: Api, key: str) -> int:
    return right(api, X_API_Key=key.strip())


def time_left(key: ApiKey) -> timedelta:
    key.refresh_from_db()
    assert key.expires
    return key.expires - timezone.now()


def test_it_works(api: Api) -> None:
    new, _ = run("rotate_api_key", "ERP")
    assert status(api, new) == 201
    assert status(api, api.key) == 201


def test_the_key_is_alone_on_stdout(api: Api) -> None:
    out, err = run("rotate_api_key", "ERP")
    assert len(out.split()) == 1
    assert out.strip() not in err


def test_the_default_overlap_is_a_day(api: Api) -> None:
    run("rotate_api_key", "ERP")
    old = ApiKey.objects.earliest("created")
    assert timedelta(hours=23, minutes=59) < time_left(old) <= timedelta(hours=24)


def test_all_older_keys_expire_after_the_overlap(api: Api) -> None:
    run("create_api_key", "ERP")
    _, err = run("rotate_api_key", "ERP", "--overlap", "2h")
    first, second, _ = ApiKey.objects.order_by("pk")
    for old in (first, second):
        assert timedelta(hours=1, minutes=59) < time_left(old) <= timedelta(hours=2)
        assert f"Old key {old.prefix} works until" in err


def test_overlap_0_ends_older_keys_at_once(api: Api) -> None:
    new, err = run("rotate_api_key", "ERP", "--overlap", "0")
    assert status(api, api.key) == 401
    assert status(api, new) == 201
    assert "Its older keys have ended." in err


def test_a_key_that_expires_before_the_overlap_is_not_extended(api: Api) -> None:
    soon = timezone.now() + timedelta(hours=1)
    ApiKey.objects.update(expires=soon)
    run("rotate_api_key", "ERP")
    assert ApiKey.objects.earliest("created").expires == soon


def test_keys_of_other_clients_are_not_changed(api: Api) -> None:
    run("create_api_key", "Payroll", "--expires", "never")
    run("rotate_api_key", "ERP", "--overlap", "0")
    assert ApiKey.objects.get(client__name="Payroll").expires is None


def test_the_new_key_has_the_lifetime_of_the_old_one() -> None:
    run("create_api_key", "Payroll", "--expires", "30d")
    for _ in range(3):
        run("rotate_api_key", "Payroll", "--overlap", "1h")
        assert ApiKey.objects.latest("pk").lifetime == timedelta(days=30)


@pytest.mark.parametrize(("longest", "lifetime"), [("365d", timedelta(days=365)), ("never", None)])
def test_the_new_key_has_the_longest_of_several_lifetimes(
    longest: str, lifetime: timedelta | None
) -> None:
    for expires in ("1h", longest, "2h"):
        run("create_api_key", "Payroll", "--expires", expires)
    run("rotate_api_key", "Payroll", "--overlap", "0")
    assert ApiKey.objects.latest("pk").lifetime == lifetime


def test_an_unknown_client_is_an_error() -> None:
    with pytest.raises(CommandError, match="No client with an active key is named 'Nobody'"):
        run("rotate_api_key", "Nobody")


def test_a_client_without_an_active_key_is_an_error(api: Api) -> None:
    ApiKey.objects.get().revoke()
    with pytest.raises(CommandError, match="create_api_key"):
        run("rotate_api_key", "ERP")
    assert not ApiKey.objects.active().exists()
