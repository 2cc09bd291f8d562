import pytest
from django.core.management import CommandError

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import right, run

pytestmark = pytest.mark.django_db


def test_it_works(api: Api) -> None:
    out, err = run("revoke_api_key", api.key[:8])
    assert out == ""
    assert err == f"Key {api.key[:8]} of ERP is revoked.\n"
    assert right(api) == 401


def test_the_prefix_may_be_in_capitals(api: Api) -> None:
    run("revoke_api_key", api.key[:8].upper())
    assert not ApiKey.objects.active().exists()


def test_other_keys_of_the_client_stay_active(api: Api) -> None:
    run("create_api_key", "ERP")
    run("revoke_api_key", api.key[:8])
    assert ApiKey.objects.active().count() == 1


def test_a_second_revocation_keeps_the_time_of_the_first(api: Api) -> None:
    run("revoke_api_key", api.key[:8])
    first = ApiKey.objects.get().revoked
    _, err = run("revoke_api_key", api.key[:8])
    assert "was revoked already" in err
    assert ApiKey.objects.get().revoked == first


def test_an_unknown_prefix_is_an_error() -> None:
    with pytest.raises(CommandError, match="No key has that prefix"):
        run("revoke_api_key", "abcdefgh")


def test_a_whole_key_is_not_in_the_error(api: Api) -> None:
    with pytest.raises(CommandError) as error:
        run("revoke_api_key", api.key)
    assert api.key not in str(error.value)
