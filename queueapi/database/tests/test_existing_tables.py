"""`migrate --fake-initial` on a database of OpenOrchestrator, and undoing migrations."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from queueapi.database.tests.sqlite_file import manage
from queueapi.tests.helpers import Serve
from queueapi.tests.orchestrator_fixtures import Orchestrator

Row = tuple[Any, ...]

TABLES = ["Queues", "Triggers", "Single_Triggers", "Scheduled_Triggers", "Queue_Triggers"]
CREATE = "base.Base.metadata.create_all(db_util._connection_engine)"
FILL = """
from datetime import datetime
now = datetime(2026, 3, 29, 2, 30, 0, 123456)
for name, data in [("Invoices", "æøå 🤖"), ("Invoices", None), ("Letters", "x" * 2000)]:
    db_util.create_queue_element(name, "ref", data, "robot")
item = db_util.get_next_queue_element("Letters")
db_util.set_queue_element_status(item.id, QueueStatus.FAILED, "m" * 1000)
db_util.create_single_trigger("One", "P", now, "path", "", False, False, 0, ["ROBOT-01"])
db_util.create_scheduled_trigger("Two", "P", "0 2 * * *", now, "path", "", True, True, 1)
db_util.create_queue_trigger("Three", "P", "Invoices", "path", "", True, False, 5, 2)
db_util.create_constant("Mailbox", "robots@example.org")
"""
STAMP = """
from sqlalchemy import text
with db_util._get_session() as session:  # as `alembic stamp` does
    session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    session.execute(text("INSERT INTO alembic_version VALUES ('1c87ed320c78')"))
    session.commit()
assert db_util.check_database_revision()
"""


class Database:
    """An SQLite file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file.as_posix()}"

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return manage(self.url, *arguments)

    def migrate(self, *arguments: str) -> str:
        """Migrate, and return the output."""
        result = self.manage("migrate", *arguments)
        assert result.returncode == 0, result.stderr
        output: str = result.stdout
        return output

    def sql(self, *statements: str) -> list[Row]:
        with closing(sqlite3.connect(self.file)) as database, database:
            for statement in statements:
                rows = database.execute(statement).fetchall()
        return rows

    def tables(self) -> list[str]:
        return [name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type='table'")]

    def rows(self, tables: list[str]) -> dict[str, list[Row]]:
        return {
            table: sorted(self.sql(f"SELECT * FROM {table}"), key=repr)  # noqa: S608  our names
            for table in tables
        }


@pytest.fixture(scope="module", autouse=True)
def unblock_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def created_file(orchestrator: Orchestrator, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("created") / "db.sqlite3"
    orchestrator(CREATE + FILL + STAMP, file)
    return file.read_bytes()


@pytest.fixture(scope="module")
def adopted_file(created_file: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("adopted") / "db.sqlite3"
    file.write_bytes(created_file)
    Database(file).migrate("--fake-initial")
    return file.read_bytes()


@pytest.fixture
def theirs(created_file: bytes, tmp_path: Path) -> Database:
    """Created and filled by OpenOrchestrator 3."""
    database = Database(tmp_path / "theirs.sqlite3")
    database.file.write_bytes(created_file)
    return database


@pytest.fixture
def adopted(adopted_file: bytes, tmp_path: Path) -> Database:
    """Created by OpenOrchestrator 3, and then migrated by us."""
    database = Database(tmp_path / "adopted.sqlite3")
    database.file.write_bytes(adopted_file)
    return database


def schema(database: Database) -> dict[str, list[list[Row]]]:
    """Return each table's columns (name, type, required, key), indexes and foreign keys."""

    def columns(table: str) -> list[Row]:
        return [
            (name, type_.lower().replace("boolean", "bool"), bool(required), bool(key))
            for _, name, type_, required, _, key in database.sql(f"PRAGMA table_info({table})")
        ]

    def indexes(table: str) -> list[Row]:
        return sorted(
            (name, [column[2] for column in database.sql(f'PRAGMA index_info("{name}")')])
            for _, name, _, origin, _ in database.sql(f"PRAGMA index_list({table})")
            if origin == "c"
        )

    def references(table: str) -> list[Row]:
        return [row[2:5] for row in database.sql(f"PRAGMA foreign_key_list({table})")]

    return {table: [columns(table), indexes(table), references(table)] for table in TABLES}


def test_it_works(theirs: Database) -> None:
    tables = theirs.tables()
    before = theirs.rows(tables)

    output = theirs.migrate("--fake-initial")

    assert "queues.0001_initial... FAKED" in output
    assert "triggers.0001_initial... FAKED" in output
    assert theirs.rows(tables) == before
    assert "no issues" in theirs.manage("check", "--database", "default").stdout


def test_openorchestrator_works_on_migrated_tables(
    adopted: Database, orchestrator: Orchestrator
) -> None:
    answer = orchestrator(
        """
assert db_util.check_database_revision()
item = db_util.get_next_queue_element("Invoices")
db_util.set_queue_element_status(item.id, QueueStatus.DONE, "Paid")
db_util.create_queue_element("Invoices", "new", "data", "robot")
trigger = db_util.get_pending_single_triggers()[0]
answer = [
    db_util.begin_single_trigger(trigger.id),
    len(db_util.get_queue_elements("Invoices")),
    len(db_util.get_all_triggers()),
    db_util.get_constant("Mailbox").value,
]
""",
        adopted.file,
    )
    assert answer == [True, 3, 3, "robots@example.org"]


def test_robot_gets_a_pushed_item(
    adopted: Database, orchestrator: Orchestrator, serve: Serve
) -> None:
    key = adopted.manage("create_api_key", "ERP").stdout.strip()
    server = serve(DATABASE_URL=adopted.url)
    response, _ = server.request(
        "POST",
        "/api/queue",
        '{"queue_name": "Løn 🤖", "data": {"case": 1}}'.encode(),
        X_API_Key=key,
        Content_Type="application/json",
    )
    assert response.status == 201
    code = "answer = db_util.get_next_queue_element('Løn 🤖').data"
    assert orchestrator(code, adopted.file) == '{"case": 1}'


def test_migrate_without_fake_initial_is_refused(theirs: Database) -> None:
    before = theirs.rows(theirs.tables())
    result = theirs.manage("migrate")
    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: There is a table Queues already; if it is OpenOrchestrator's, "
        "`manage.py migrate --fake-initial` takes it over.\n"
    )
    assert theirs.rows(list(before)) == before


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        # Revisions b67b7649b282 and 526b6edac328, 90d46abd44a3, and 9698388a0709.
        (
            [
                "ALTER TABLE Triggers DROP COLUMN git_branch",
                "ALTER TABLE Triggers DROP COLUMN priority",
                "ALTER TABLE Triggers DROP COLUMN scheduler_whitelist",
                "DROP TABLE alembic_version",
            ],
            "Triggers has no column git_branch, scheduler_whitelist, priority",
        ),
        (
            ["ALTER TABLE Triggers DROP COLUMN git_branch"],
            "Triggers has no column git_branch",
        ),
        (["DROP TABLE Queue_Triggers"], "there is a table Triggers and no Queue_Triggers"),
        (
            ["DROP TABLE Jobs", "UPDATE alembic_version SET version_num = '9698388a0709'"],
            "revision 9698388a0709",
        ),
    ],
)
def test_older_version_of_openorchestrator_is_refused(
    theirs: Database, statements: list[str], reason: str
) -> None:
    theirs.sql(*statements)
    tables = theirs.tables()
    result = theirs.manage("migrate", "--fake-initial")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"CommandError: This database is older than OpenOrchestrator 3 ({reason}); run "
        "OpenOrchestrator's own upgrade first: python -m OpenOrchestrator upgrade "
        "CONNECTION_STRING, in the folder of its source where alembic.ini is."
    )
    assert theirs.tables() == tables


def test_names_of_columns_are_case_insensitive(theirs: Database) -> None:
    theirs.sql("ALTER TABLE Queues RENAME COLUMN status TO Status")
    theirs.migrate("--fake-initial")
    assert "no issues" in theirs.manage("check", "--database", "default").stdout


def test_first_migrations_create_the_same_tables(theirs: Database, tmp_path: Path) -> None:
    ours = Database(tmp_path / "ours.sqlite3")
    ours.migrate("queues", "0001")
    ours.migrate("triggers", "0001")
    assert schema(ours) == schema(theirs)


# Undoing migrations


def test_undone_migrations_restore_the_tables(theirs: Database, adopted: Database) -> None:
    adopted.migrate("queues", "0001")
    adopted.migrate("triggers", "0001")
    assert schema(adopted) == schema(theirs)
    assert adopted.rows(TABLES) == theirs.rows(TABLES)


def test_undone_migrations_can_be_applied_again(adopted: Database) -> None:
    before, rows = schema(adopted), adopted.rows(TABLES)
    adopted.migrate("queues", "0001")
    adopted.migrate()
    assert schema(adopted) == before
    assert adopted.rows(TABLES) == rows


def test_undoing_is_refused_if_a_text_is_too_long(adopted: Database) -> None:
    adopted.sql("UPDATE Queues SET message = printf('%1001s', 'x') WHERE queue_name = 'Invoices'")
    before = schema(adopted)

    result = adopted.manage("migrate", "queues", "0001")

    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: Nothing was changed, because going back would lose text in Queues.message "
        "(2 rows). Delete or change these rows, and run this again.\n"
    )
    # Later migrations are not undone either.
    assert schema(adopted) == before


@pytest.mark.parametrize(
    ("app", "losses"),
    [
        ("queues", "3 rows of Queues"),
        (
            "triggers",
            "3 rows of Triggers; 1 row of Queue_Triggers; 1 row of Scheduled_Triggers; "
            "1 row of Single_Triggers",
        ),
    ],
)
def test_migrate_zero_is_refused_if_there_are_rows(
    adopted: Database, app: str, losses: str
) -> None:
    before = schema(adopted)
    result = adopted.manage("migrate", app, "zero")
    assert result.returncode == 1
    assert f"would lose {losses}. Delete" in result.stderr
    assert schema(adopted) == before


def test_migrate_zero_is_refused_if_there_are_keys(adopted: Database) -> None:
    adopted.manage("create_api_key", "ERP")
    assert "1 row of security_apikey" in adopted.manage("migrate", "security", "zero").stderr


def test_migrate_zero_drops_empty_tables(tmp_path: Path) -> None:
    database = Database(tmp_path / "ours.sqlite3")
    database.migrate()
    database.migrate("queues", "zero")
    assert "Queues" not in database.tables()


# OpenOrchestrator on a database that we created


def test_openorchestrator_adds_its_other_tables(orchestrator: Orchestrator, tmp_path: Path) -> None:
    database = Database(tmp_path / "ours.sqlite3")
    database.migrate()
    ours = schema(database)
    orchestrator(CREATE + STAMP + FILL, database.file)
    assert schema(database) == ours
    assert {"Jobs", "Logs", "Schedulers", "Credentials", "Constants"} <= set(database.tables())
    run = """
trigger = db_util.get_pending_single_triggers()[0]
answer = [db_util.begin_single_trigger(trigger.id), db_util.get_next_queue_element("Invoices").data]
db_util.send_ping_from_scheduler("ROBOT-01")
"""
    assert orchestrator(run, database.file) == [True, "æøå 🤖"]
    assert "no issues" in database.manage("check", "--database", "default").stdout
    assert database.migrate().endswith("No migrations to apply.\n")
