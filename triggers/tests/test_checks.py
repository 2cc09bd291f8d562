"""The check of cron expressions, and what it says."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import database_url, manage
from triggers.checks import check_cron
from triggers.tests.helpers import scheduled


def warnings() -> list[str]:
    messages = run_checks(databases=["default"])
    return [str(message) for message in messages if message.id == "triggers.W001"]


@pytest.mark.django_db
def test_it_works() -> None:
    scheduled()
    assert warnings() == []


@pytest.mark.django_db
@pytest.mark.parametrize("cron", ["*/10 * * * * *", "0 0 31 2 1", "", "nonsense"])
def test_a_row_that_would_stop_the_scheduler_is_named(cron: str) -> None:
    scheduled(trigger_name="Nightly", cron_expr=cron)
    scheduled(trigger_name="Weekly")
    (warning,) = warnings()
    assert repr(cron) in warning
    assert "'Nightly'" in warning
    assert "Correct it in the admin" in warning


@pytest.mark.django_db
def test_all_rows_take_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for name in "abc":
        scheduled(trigger_name=name, cron_expr="* * * * * *")
    with django_assert_num_queries(1):
        assert len(check_cron(databases=["default"])) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", [["check", "--database", "default"], ["migrate", "--plan"]])
def test_check_and_migrate_say_it_and_go_on(command: list[str]) -> None:
    scheduled(cron_expr="0 0 31 2 1")
    result = manage(*command, DATABASE_URL=database_url())
    assert result.returncode == 0
    assert "triggers.W001" in result.stderr


def test_without_a_table_it_is_silent(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'empty.sqlite3').as_posix()}"
    result = manage("migrate", DATABASE_URL=url)
    assert result.returncode == 0
    assert result.stderr == ""
