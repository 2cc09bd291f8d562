from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import run

pytestmark = pytest.mark.django_db


def test_it_works(api: Api) -> None:
    out, _ = run("list_api_keys")
    header, line = out.splitlines()
    assert header.split() == ["PREFIX", "STATE", "CREATED", "EXPIRES", "LAST", "USED", "CLIENT"]
    assert line.startswith(f"{api.key[:8]}  active ")
    assert line.endswith("ERP")


def test_each_state_is_shown() -> None:
    ApiKey.objects.issue("A", lifetime=None)
    expired, _ = ApiKey.objects.issue("B", lifetime=timedelta(days=1))
    ApiKey.objects.filter(pk=expired.pk).update(expires=timezone.now())
    ApiKey.objects.issue("C", lifetime=None)[0].revoke()

    out, _ = run("list_api_keys")
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["active", "expired", "revoked"]


def test_neither_hash_nor_secret_is_shown(api: Api) -> None:
    out, _ = run("list_api_keys")
    assert api.key not in out
    assert ApiKey.objects.get().hashed_secret not in out


def test_an_empty_list_names_the_command_for_the_first_key() -> None:
    out, err = run("list_api_keys")
    assert out == ""
    assert "create_api_key" in err


def test_the_number_of_queries_does_not_grow_with_the_keys(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        ApiKey.objects.issue("ERP", lifetime=None)
    with django_assert_num_queries(1):  # the keys
        run("list_api_keys")
