"""System checks of the clock and the columns."""

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest
from pytest_django import DjangoDbBlocker, Settings

from queueapi.database.checks import check_clock
from queueapi.database.columns import schema_errors
from queueapi.database.tests.sql_server import fake_sql_server, needs_pyodbc
from queueapi.database.tests.sqlite_file import manage
from queues.models import QueueItem


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this process."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows has one clock for all processes")

    def set_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("zone", ["Europe/Copenhagen", "Europe/Paris"])
def test_zone_of_another_name_with_the_same_times_is_accepted(
    settings: Settings, set_clock: Callable[[str], None], zone: str
) -> None:
    settings.TIME_ZONE = "Europe/Copenhagen"
    set_clock(zone)
    assert check_clock() == []


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Africa/Algiers"])
def test_zone_that_differs_if_only_in_summer_is_a_warning(
    settings: Settings, set_clock: Callable[[str], None], zone: str
) -> None:
    settings.TIME_ZONE = "Europe/Copenhagen"
    set_clock(zone)
    [warning] = check_clock()
    assert warning.id == "queueapi.W001"
    assert "TIME_ZONE is Europe/Copenhagen" in warning.msg


@pytest.fixture(scope="module")
def migrated(django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An SQLite database with all migrations."""
    file = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    with django_db_blocker.unblock():
        manage(f"sqlite:///{file.as_posix()}", "migrate").check_returncode()
    return file.read_bytes()


class Check(Protocol):
    """Execute statements, and run `check --database default`."""

    def __call__(
        self, *statements: str, database: str = ...
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def check(migrated: bytes, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Check:
    file = tmp_path / "db.sqlite3"
    file.write_bytes(migrated)
    url = f"sqlite:///{file.as_posix()}"

    def check(*statements: str, database: str = url) -> subprocess.CompletedProcess[str]:
        with closing(sqlite3.connect(file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        with django_db_blocker.unblock():
            return manage(database, "check", "--database", "default")

    return check


def test_migrated_columns_are_accepted(check: Check) -> None:
    result = check()
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (["ALTER TABLE Queues DROP COLUMN message"], "Queues.message is missing."),
        (
            ["ALTER TABLE Triggers ADD COLUMN tenant varchar(10) NOT NULL DEFAULT ''"],
            "no issues",
        ),
        (
            [
                "ALTER TABLE Queues RENAME COLUMN reference TO old",
                "ALTER TABLE Queues ADD COLUMN reference varchar(100) NOT NULL DEFAULT ''",
            ],
            "Queues.reference has to allow NULL.",
        ),
        (
            [
                "DROP TABLE Queue_Triggers",
                "CREATE TABLE Queue_Triggers (id char(32) NOT NULL, queue_name varchar(200) "
                "NOT NULL, min_batch_size integer NULL, tenant varchar(10) NOT NULL)",
            ],
            "Queue_Triggers.min_batch_size has to refuse NULL.",
        ),
        (
            [
                "DROP TABLE Queue_Triggers",
                "CREATE TABLE Queue_Triggers (id char(32) NOT NULL, queue_name varchar(200) "
                "NOT NULL, min_batch_size integer NOT NULL, tenant varchar(10) NOT NULL)",
            ],
            "Queue_Triggers.tenant is unknown here, and refuses rows without it.",
        ),
        (["DROP TABLE Queue_Triggers"], "The table Queue_Triggers is missing."),
    ],
)
def test_wrong_column_is_named(check: Check, statements: list[str], sentence: str) -> None:
    result = check(*statements)
    assert sentence in result.stdout + result.stderr


def test_wrong_column_is_an_error_if_no_migration_is_pending(check: Check) -> None:
    result = check("ALTER TABLE Queues DROP COLUMN message")
    assert result.returncode == 1
    assert "queueapi.E002" in result.stderr


def test_wrong_column_is_a_warning_if_a_migration_is_pending(check: Check) -> None:
    # An error would keep `migrate`, which runs the checks, from correcting it.
    result = check(
        "ALTER TABLE Queues DROP COLUMN message",
        "DELETE FROM django_migrations WHERE app = 'queues' AND name >= '0004'",
    )
    assert result.returncode == 0
    assert "queueapi.W002" in result.stderr


def test_empty_database_is_accepted(check: Check, tmp_path: Path) -> None:
    result = check(database=f"sqlite:///{(tmp_path / 'empty.sqlite3').as_posix()}")
    assert "no issues" in result.stdout


def test_unreachable_database_is_an_error_without_traceback(check: Check, tmp_path: Path) -> None:
    result = check(database=f"sqlite:///{(tmp_path / 'nowhere' / 'db.sqlite3').as_posix()}")
    assert result.returncode == 1
    assert "queueapi.E001" in result.stderr
    assert "Traceback" not in result.stderr


# On SQL Server, whose types are strict.


def columns_with(**changed: tuple[str, int | None, bool, bool]) -> list[tuple[Any, ...]]:
    """Return the rows of the query for the columns of Queues, some of them changed.

    A row has name, type, length, and whether the column allows NULL and has a default.
    """
    columns = {
        "id": ("uniqueidentifier", None, False, False),
        "queue_name": ("nvarchar", 200, False, False),
        "status": ("nvarchar", 22, False, False),
        "data": ("nvarchar", 4000, True, False),
        "reference": ("nvarchar", 200, True, False),
        "created_date": ("datetime2", None, False, False),
        "start_date": ("datetime", None, True, False),
        "end_date": ("datetime2", None, True, False),
        "message": ("nvarchar", -1, True, False),
        "created_by": ("nvarchar", 200, True, False),
        **changed,
    }
    return [(name, *column) for name, column in columns.items()]


@needs_pyodbc
@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        ({}, []),
        ({"data": ("nvarchar", -1, True, False)}, []),
        (
            {"queue_name": ("varchar", 100, False, False)},
            ["Queues.queue_name is varchar(100), and has to be nvarchar(200)."],
        ),
        (
            {"data": ("nvarchar", 2000, True, False)},
            ["Queues.data is nvarchar(2000), and has to be nvarchar(4000)."],
        ),
        (
            {"message": ("nvarchar", 4000, True, False)},
            ["Queues.message is nvarchar(4000), and has to be nvarchar(max)."],
        ),
        (
            {
                "created_date": ("datetimeoffset", None, False, False),
                "id": ("char", 32, False, False),
            },
            [
                "Queues.id is char(32), and has to be uniqueidentifier.",
                "Queues.created_date is datetimeoffset, and has to be datetime2.",
            ],
        ),
        (
            {"tenant": ("int", None, False, False), "version": ("timestamp", None, False, True)},
            ["Queues.tenant is unknown here, and refuses rows without it."],
        ),
    ],
)
def test_wrong_column_of_sql_server_is_named(
    django_db_blocker: DjangoDbBlocker, changed: dict[str, Any], sentences: list[str]
) -> None:
    columns = columns_with(**changed)
    with (
        django_db_blocker.unblock(),
        fake_sql_server({"INFORMATION_SCHEMA.COLUMNS": columns}) as (connection, _),
    ):
        assert list(schema_errors(connection, QueueItem)) == sentences
