"""The settings: variables of the environment, and the deployment check."""

import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from redis.exceptions import RedisError

from queueapi.tests.helpers import manage


@pytest.mark.parametrize("command", ["check", "migrate", "serve"])
def test_a_missing_setting_is_one_sentence_of_each_command(command: str) -> None:
    result = manage(command, SECRET_KEY=None)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "SECRET_KEY" in result.stderr
    assert result.stderr.count("\n") == 1


def load(monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None) -> dict[str, Any]:
    """Read the settings anew, with this variable in the environment or without it."""
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    return runpy.run_path(str(settings.BASE_DIR / "queueapi" / "settings.py"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "x" * 49),
        ("ALLOWED_HOSTS", None),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", " , "),
        ("DATABASE_URL", None),
        ("DATABASE_URL", ""),
    ],
)
def test_production_settings_are_required(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^[^\n]*{variable}[^\n]*$"):
        load(monkeypatch, variable, value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEBUG", "perhaps"),
        ("HTTPS", "yes please"),
        ("MAX_REQUEST_BYTES", "1 MiB"),
        ("HTTP_PLATFORM_PORT", "http"),
        ("TIME_ZONE", "Europe/Atlantis"),
        ("TIME_ZONE", "../etc/passwd"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://host/name"),
        ("HTTP_PLATFORM_PORT", "99999"),
        ("MAX_REQUEST_BYTES", "0"),
        ("MAX_BULK_BYTES", "0"),
        ("BAN_AFTER", "0"),
        ("BAN_WINDOW", "0"),
        ("BAN_DURATION", "soon"),
        ("RATE_QUEUE", "many"),
        ("RATE_QUEUE", "0/m"),
        ("RATE_TRIGGER", "1000/0m"),
        ("RATE_BULK", "many"),
        ("RATE_BULK_ITEMS", "999/m"),
        ("RATE_BULK_ITEMS", "1000"),
        ("RATE_TRIGGER", "1/99999999999999d"),
        ("CACHE_URL", "memcached://host:11211"),
        ("CACHE_URL", "nonsense"),
        ("CACHE_URL", "redis://:pass/word@host:6379"),
        ("WEB_PROCESSES", "0"),
        ("TRUSTED_PROXIES", "iis.example.org"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("BAN_EXEMPT_NETWORKS", "127.0.0.1, 999.0.0.1"),
        ("EMAIL_URL", "mail.example.org"),
        ("EMAIL_URL", "console:"),
        ("EMAIL_URL", "smtps://mail.example.org"),
        ("EMAIL_URL", "smtp://mail.example.org:smtp"),
        ("EMAIL_URL", "smtp://mail.example.org:99999"),
        ("EMAIL_URL", "smtp://mail.example.org?timeout=soon"),
        ("EMAIL_URL", "smtp://mail.example.org?ssl=maybe"),
        ("EMAIL_URL", "smtp://mail.example.org?_default_from_email=queue"),
        ("EMAIL_URL", "smtp://user:pass/1@mail.example.org"),
        ("EMAIL_URL", "smtp://user:p@ss@mail.example.org"),
        ("ALERT_RECIPIENTS", "rpa@example.org; it@example.org"),
        ("ALERT_RECIPIENTS", "rpa"),
        ("ALERT_RECIPIENTS", "rpa@example.org\nBcc: it@example.org"),
        ("ALERT_LANGUAGE", "de"),
        ("ALERT_FAILED_SHARE", "0"),
        ("ALERT_FAILED_SHARE", "101"),
        ("OLDEST_NEW", "0"),
        ("ENV_FILE", "/nowhere/settings.env"),
    ],
)
def test_an_invalid_value_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^[^\n]*{variable}[^\n]*$"):
        load(monkeypatch, variable, value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://sa:hunter2@host/name"),
        ("CACHE_URL", "redis://:hunter2/x@host:6379"),
        ("EMAIL_URL", "smtp://robot:hunter2/x@host"),
        ("EMAIL_URL", "smtp://robot:hunter2?x@host"),
        ("SECRET_KEY", "hunter2"),
    ],
)
def test_an_error_does_not_show_the_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:  # whose message is all that is shown
        load(monkeypatch, variable, value)
    assert "hunter2" not in str(raised.value)


def test_spaces_in_allowed_hosts_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, "ALLOWED_HOSTS", "a.example.org, b.example.org ,")
    assert loaded["ALLOWED_HOSTS"] == ["a.example.org", "b.example.org"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ["mail.example.org", 25, None, False, False]),
        ("smtp://[2001:db8::1]:2525", ["2001:db8::1", 2525, None, False, False]),
        (
            "submission://robot:p%40ss@mail.example.org",
            ["mail.example.org", 587, "p@ss", True, False],
        ),
        ("smtp://mail.example.org:465?ssl=on", ["mail.example.org", 465, None, False, True]),
    ],
)
def test_mail_server(monkeypatch: pytest.MonkeyPatch, url: str, expected: list[object]) -> None:
    loaded = load(monkeypatch, "EMAIL_URL", url)
    names = ("HOST", "PORT", "HOST_PASSWORD", "USE_TLS", "USE_SSL")
    assert [loaded[f"EMAIL_{name}"] for name in names] == expected
    assert loaded["EMAIL_TIMEOUT"] == 10


def test_recipients_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, "ALERT_RECIPIENTS", "a@example.org, b@example.org ,")
    assert loaded["ALERT_RECIPIENTS"] == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(
    ("hosts", "sender"),
    [
        ("queue.example.org,localhost", "queueapi@queue.example.org"),
        (".example.org", "queueapi@example.org"),
        ("*", "queueapi@localhost"),
    ],
)
def test_sender_of_mails_is_of_the_first_host(
    monkeypatch: pytest.MonkeyPatch, hosts: str, sender: str
) -> None:
    assert load(monkeypatch, "ALLOWED_HOSTS", hosts)["DEFAULT_FROM_EMAIL"] == sender


def test_sender_of_mails_can_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, "EMAIL_URL", "smtp://host?_default_from_email=queue@example.org")
    assert loaded["DEFAULT_FROM_EMAIL"] == "queue@example.org"


def test_a_file_that_is_not_utf_8_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_bytes(b"# n\xf8gle\n")
    with pytest.raises(ImproperlyConfigured, match=r"^[^\n]+$"):
        load(monkeypatch, "ENV_FILE", str(env_file))


def test_variables_are_read_from_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_text(f"SECRET_KEY={'x' * 60}\nALLOWED_HOSTS=queue.example.org\n")
    result = manage("check", ENV_FILE=str(env_file), SECRET_KEY=None, ALLOWED_HOSTS=None)
    assert result.returncode == 0, result.stderr


def test_the_environment_takes_precedence_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_text("SECRET_KEY=short\n")
    assert load(monkeypatch, "ENV_FILE", str(env_file))["SECRET_KEY"] == settings.SECRET_KEY


def test_the_example_file_lists_every_variable() -> None:
    source = (settings.BASE_DIR / "queueapi" / "settings.py").read_text()
    example = (settings.BASE_DIR / ".env.example").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    assert {"SECRET_KEY", "TIME_ZONE", "HTTPS"} <= read
    named = {line.lstrip("# ").partition("=")[0] for line in example.splitlines() if "=" in line}
    assert read - {"ENV_FILE"} <= named


def test_the_example_file_works_with_a_secret_key(tmp_path: Path) -> None:
    example = (settings.BASE_DIR / ".env.example").read_text()
    env_file = tmp_path / ".env"
    env_file.write_text(example.replace("SECRET_KEY=", f"SECRET_KEY={'x' * 60}"))
    nothing = dict.fromkeys(("SECRET_KEY", "ALLOWED_HOSTS", "DEBUG", "HTTPS"))
    result = manage("check", ENV_FILE=str(env_file), **nothing)
    assert result.returncode == 0, result.stderr


def test_the_deployment_check_reports_nothing_in_production() -> None:
    result = manage("check", "--deploy", HTTPS=None, DEBUG=None)
    assert result.returncode == 0, result.stderr
    # Except for the Python of this machine, which may be an old one.
    assert set(re.findall(r"\(\w+\.\w+\)", result.stderr)) <= {"(security_app.W002)"}


def test_debug_has_defaults_for_required_settings(tmp_path: Path) -> None:
    result = manage(
        "check", DEBUG="on", SECRET_KEY=None, ALLOWED_HOSTS=None, DATABASE_URL=None, HTTPS=None
    )
    assert result.returncode == 0, result.stderr


def test_a_database_without_tables_is_one_sentence(tmp_path: Path) -> None:
    result = manage("list_api_keys", DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


@pytest.mark.skipif("sqlite" not in os.environ["DATABASE_URL"], reason="about SQLite")
@pytest.mark.django_db
def test_sqlite_uses_a_write_ahead_log_and_immediate_transactions() -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
    assert connection.transaction_mode == "IMMEDIATE"  # type: ignore[attr-defined]  # of SQLite


def test_rarely_used_packages_are_not_loaded_at_start() -> None:
    loaded = manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "import queueapi.wsgi, queueapi.urls, sys\n"
        "print({'cron_descriptor', 'redis', 'requests', 'yaml'} & sys.modules.keys())",
    )
    assert loaded.stdout == "set()\n"


def test_packages_that_drf_does_not_find_can_be_imported() -> None:
    importing = "import requests, yaml; print(requests.__name__, yaml.__name__)"
    loaded = manage("shell", "--verbosity", "0", "-c", importing)
    assert loaded.stdout == "requests yaml\n"


def test_cache_errors_include_those_of_the_redis_client(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, "CACHE_URL", "redis://127.0.0.1:1")
    assert loaded["CACHE_ERRORS"] == (OSError, RedisError, ValueError)


def test_items_of_a_bulk_fit_into_the_item_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="a rate of at least 1000, like 10000/m"):
        load(monkeypatch, "RATE_BULK_ITEMS", "999/m")
    assert load(monkeypatch, "RATE_BULK_ITEMS", "1000/h")["RATE_BULK_ITEMS"] == "1000/h"
