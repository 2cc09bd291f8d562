"""System checks for set-ups that would fail in silence."""

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from queueapi.tests.helpers import manage
from security.checks import check_python


def ids() -> list[str]:
    return [message.id for message in run_checks()]


def test_it_works() -> None:
    assert "security_app.W001" not in ids()
    assert "security_app.E001" not in ids()


def test_production_without_a_word_on_proxies_is_warned(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = None
    assert "security_app.W001" in ids()


def test_development_is_not(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = None
    settings.DEBUG = True
    assert "security_app.W001" not in ids()


def test_several_processes_without_a_shared_cache_are_an_error(settings: Settings) -> None:
    settings.WEB_PROCESSES = 2
    assert "security_app.E001" in ids()


def test_several_processes_with_a_shared_cache_are_none(settings: Settings) -> None:
    settings.WEB_PROCESSES = 2
    settings.CACHE_URL = "redis://127.0.0.1:6379"
    assert "security_app.E001" not in ids()


def test_the_server_does_not_start_with_that_error() -> None:
    result = manage("serve", "--port", "0", WEB_PROCESSES="2")
    assert result.returncode == 1
    assert "CACHE_URL" in result.stderr


@pytest.mark.parametrize("value", [None, "127.0.0.1", "none"])
def test_the_warning_names_the_variable(value: str | None) -> None:
    result = manage("check", TRUSTED_PROXIES=value)
    assert result.returncode == 0
    assert ("TRUSTED_PROXIES" in result.stderr) == (value is None)


@pytest.mark.parametrize(
    ("version", "is_warned_of"),
    [
        ((3, 11, 9), True),
        ((3, 11, 10), False),
        ((3, 12, 5), True),
        ((3, 12, 6), False),
        ((3, 13, 0), False),
    ],
)
def test_a_python_that_parses_cookies_slowly_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, version: Any, is_warned_of: bool
) -> None:
    monkeypatch.setattr("security.checks.sys.version_info", version)
    assert bool(check_python()) is is_warned_of


@pytest.mark.parametrize(
    ("query", "warned"), [("python_driver=pyodbc&driver=FreeTDS", True), ("driver=FreeTDS", False)]
)
def test_a_driver_that_checks_no_certificate_is_warned_of_before_deployment(
    query: str, warned: bool
) -> None:
    url = f"mssql://robot:secret@sql.example.org/db?{query}"
    result = manage("check", "--deploy", DATABASE_URL=url)
    assert ("security_app.W003" in result.stderr) == warned
    assert "secret" not in result.stderr
