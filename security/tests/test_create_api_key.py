import hashlib
from datetime import timedelta

import pytest
from django.core.management import CommandError

from queueapi.tests.helpers import Api
from security.models import ApiKey
from security.tests.helpers import right, run

pytestmark = pytest.mark.django_db


def test_it_works(api: Api) -> None:
    key, _ = run("create_api_key", "Payroll")
    assert right(api, X_API_Key=key.strip()) == 201


def test_the_key_is_alone_on_stdout() -> None:
    out, err = run("create_api_key", "Payroll")
    key = ApiKey.objects.get()
    assert out == out.strip() + "\n"
    assert len(out.split()) == 1
    assert out.startswith(f"{key.prefix}.")
    assert key.prefix in err
    assert out.strip() not in err


def test_the_secret_has_256_random_bits() -> None:
    out, _ = run("create_api_key", "Payroll")
    secret = out.strip().partition(".")[2]
    assert len(secret) == 43  # 32 bytes in base64


def test_only_the_hash_is_stored() -> None:
    out, _ = run("create_api_key", "Payroll")
    assert ApiKey.objects.get().hashed_secret == hashlib.sha256(out.strip().encode()).hexdigest()


def test_the_default_lifetime_is_a_year() -> None:
    run("create_api_key", "Payroll")
    assert ApiKey.objects.get().lifetime == timedelta(days=365)


def test_expires_sets_the_lifetime() -> None:
    _, err = run("create_api_key", "Payroll", "--expires", "12h")
    key = ApiKey.objects.get()
    assert key.lifetime == timedelta(hours=12)
    assert f"{key.expires:%Y-%m-%d %H:%M}" in err


def test_expires_never_sets_no_expiry() -> None:
    _, err = run("create_api_key", "Payroll", "--expires", "never")
    assert ApiKey.objects.get().expires is None
    assert "it expires: never" in err


def test_a_client_may_have_several_keys() -> None:
    run("create_api_key", "Payroll")
    run("create_api_key", "Payroll")
    assert ApiKey.objects.active().filter(client__name="Payroll").count() == 2


@pytest.mark.parametrize(
    "expires",
    ["", "soon", "3y", "-1d", "365", "1ms", "1d 1w", "1.5h", "40000d", "9" * 30 + "d", "0"],
)
def test_an_invalid_duration_is_an_error(expires: str) -> None:
    with pytest.raises(CommandError):
        run("create_api_key", "Payroll", f"--expires={expires}")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["", " ", " Payroll", "Payroll ", "a\nb", "a\x1bb", "x" * 101])
def test_an_invalid_client_name_is_an_error(name: str) -> None:
    with pytest.raises(CommandError):
        run("create_api_key", name)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["x", "Løn & HR / ø", "x" * 100])
def test_any_line_of_text_is_a_valid_client_name(name: str) -> None:
    run("create_api_key", name)
    assert ApiKey.objects.get().client.name == name


def test_the_first_key_of_a_client_points_to_its_limits(api: Api) -> None:
    assert "first key of erp; limit_client" in run("create_api_key", "erp")[1]
    assert "first key" not in run("create_api_key", "ERP")[1]
