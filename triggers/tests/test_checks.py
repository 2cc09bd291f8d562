"""The system check of cron expressions."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from queueapi.database.tests import sqlite_file
from queueapi.tests.helpers import database_url, manage
from triggers.checks import check_cron
from triggers.tests.helpers import scheduled


def warnings() -> list[str]:
    messages = run_checks(databases=["default"])
    return [str(message) for message in messages if message.id == "triggers.W001"]


@pytest.mark.django_db
def test_a_valid_expression_is_no_warning() -> None:
    scheduled()
    assert warnings() == []


@pytest.mark.django_db
@pytest.mark.parametrize("cron", ["*/10 * * * * *", "0 0 31 2 1", "", "nonsense"])
def test_an_unreadable_expression_is_a_warning_with_its_trigger(cron: str) -> None:
    scheduled(trigger_name="Nightly", cron_expr=cron)
    scheduled(trigger_name="Weekly")
    (warning,) = warnings()
    assert repr(cron) in warning
    assert "'Nightly'" in warning
    assert "Correct it in the admin" in warning


@pytest.mark.django_db
def test_any_number_of_triggers_takes_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for name in "abc":
        scheduled(trigger_name=name, cron_expr="* * * * * *")
    with django_assert_num_queries(1):
        assert len(check_cron(databases=["default"])) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", [["check", "--database", "default"], ["migrate", "--plan"]])
def test_check_and_migrate_warn_and_continue(command: list[str]) -> None:
    scheduled(cron_expr="0 0 31 2 1")
    result = manage(*command, DATABASE_URL=database_url())
    assert result.returncode == 0
    assert "triggers.W001" in result.stderr


def test_a_missing_table_is_no_warning(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    url = f"sqlite:///{(tmp_path / 'empty.sqlite3').as_posix()}"
    with django_db_blocker.unblock():
        result = sqlite_file.manage(url, "migrate")
    assert result.returncode == 0
    assert result.stderr == ""
