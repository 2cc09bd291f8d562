"""System checks of the settings and of the Python version."""

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from queueapi.tests.helpers import manage
from security.checks import check_database_driver, check_python


def ids() -> set[str | None]:
    return {message.id for message in run_checks(include_deployment_checks=True)}


def test_the_tests_settings_have_no_findings() -> None:
    assert ids().isdisjoint({"security_app.W001", "security_app.W003", "security_app.E001"})


def test_unset_trusted_proxies_are_a_warning(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = None
    assert "security_app.W001" in ids()


def test_unset_trusted_proxies_are_no_warning_with_debug(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = None
    settings.DEBUG = True
    assert "security_app.W001" not in ids()


def test_several_processes_without_a_shared_cache_are_an_error(settings: Settings) -> None:
    settings.WEB_PROCESSES = 2
    assert "security_app.E001" in ids()


def test_several_processes_with_a_shared_cache_are_no_error(settings: Settings) -> None:
    settings.WEB_PROCESSES = 2
    settings.CACHE_URL = "redis://127.0.0.1:6379"
    assert "security_app.E001" not in ids()


def test_the_server_does_not_start_with_an_error() -> None:
    result = manage("serve", "--port", "0", WEB_PROCESSES="2")
    assert result.returncode == 1
    assert "CACHE_URL" in result.stderr


@pytest.mark.parametrize(
    ("version", "is_slow"),
    [
        ((3, 11, 9), True),
        ((3, 11, 10), False),
        ((3, 12, 5), True),
        ((3, 12, 6), False),
        ((3, 13, 0), False),
    ],
)
def test_a_python_that_parses_cookies_slowly_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], is_slow: bool
) -> None:
    monkeypatch.setattr("security.checks.sys.version_info", version)
    assert bool(check_python()) is is_slow


@pytest.mark.parametrize(
    ("driver", "is_warned"), [("FreeTDS", True), ("ODBC Driver 18 for SQL Server", False)]
)
def test_a_driver_that_checks_no_certificate_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, driver: str, is_warned: bool
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {"driver": driver})
    assert bool(check_database_driver()) is is_warned
