"""A database that OpenOrchestrator made becomes ours as well, and can be given back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from queueapi.tests.helpers import Serve, manage
from queueapi.tests.orchestrator_fixtures import Orchestrator

TABLES = ["Queues", "Triggers", "Single_Triggers", "Scheduled_Triggers", "Queue_Triggers"]
MAKE = "base.Base.metadata.create_all(db_util._connection_engine)"
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
    """An SQLite file, and what is done with it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file.as_posix()}"

    def manage(self, *arguments: str):
        return manage(*arguments, DATABASE_URL=self.url)

    def migrate(self, *arguments: str) -> str:
        """Go there, and give what it said."""
        result = self.manage("migrate", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def sql(self, *statements: str) -> list[tuple]:
        with closing(sqlite3.connect(self.file)) as database, database:
            for statement in statements:
                rows = database.execute(statement).fetchall()
        return rows

    def tables(self) -> list[str]:
        return [name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type='table'")]

    def rows(self, tables: list[str]) -> dict[str, list[tuple]]:
        return {
            table: sorted(self.sql(f"SELECT * FROM {table}"), key=repr)  # noqa: S608  our names
            for table in tables
        }


@pytest.fixture(scope="module")
def their_file(orchestrator: Orchestrator, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a database that OpenOrchestrator's own code made and filled, at its version 3."""
    file = tmp_path_factory.mktemp("theirs") / "theirs.sqlite3"
    orchestrator(MAKE + FILL + STAMP, file)
    return file.read_bytes()


@pytest.fixture
def theirs(their_file: bytes, tmp_path: Path) -> Database:
    """Return a copy of OpenOrchestrator's database."""
    database = Database(tmp_path / "theirs.sqlite3")
    database.file.write_bytes(their_file)
    return database


def schema(database: Database) -> dict[str, list]:
    """Each table's columns (name, type, required, key), its indexes and foreign keys."""

    def columns(table: str) -> list[tuple]:
        return [
            (name, kind.lower().replace("boolean", "bool"), bool(required), bool(key))
            for _, name, kind, required, _, key in database.sql(f"PRAGMA table_info({table})")
        ]

    def indexes(table: str) -> list[tuple]:
        return sorted(
            (name, [column[2] for column in database.sql(f'PRAGMA index_info("{name}")')])
            for _, name, _, origin, _ in database.sql(f"PRAGMA index_list({table})")
            if origin == "c"
        )

    def references(table: str) -> list[tuple]:
        return [row[2:5] for row in database.sql(f"PRAGMA foreign_key_list({table})")]

    return {table: [columns(table), indexes(table), references(table)] for table in TABLES}


def test_it_works(theirs: Database) -> None:
    tables = theirs.tables()
    before = theirs.rows(tables)

    said = theirs.migrate("--fake-initial")

    assert "queues.0001_initial... FAKED" in said
    assert "triggers.0001_initial... FAKED" in said
    assert theirs.rows(tables) == before
    assert "no issues" in theirs.manage("check", "--database", "default").stdout


def test_openorchestrator_works_on_after_it(theirs: Database, orchestrator: Orchestrator) -> None:
    theirs.migrate("--fake-initial")
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
        theirs.file,
    )
    assert answer == [True, 3, 3, "robots@example.org"]


def test_its_robots_take_what_is_pushed_to_us(
    theirs: Database, orchestrator: Orchestrator, serve: Serve
) -> None:
    theirs.migrate("--fake-initial")
    key = theirs.manage("create_api_key", "ERP").stdout.strip()
    server = serve(DATABASE_URL=theirs.url)
    response, _ = server.request(
        "POST",
        "/api/queue",
        '{"queue_name": "Løn 🤖", "data": {"case": 1}}'.encode(),
        X_API_Key=key,
        Content_Type="application/json",
    )
    assert response.status == 201
    take = "answer = db_util.get_next_queue_element('Løn 🤖').data"
    assert orchestrator(take, theirs.file) == '{"case": 1}'


def test_it_is_taken_over_only_when_asked_for(theirs: Database) -> None:
    before = theirs.rows(theirs.tables())
    result = theirs.manage("migrate")
    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: There is a table Queues already; if it is OpenOrchestrator's, "
        "`manage.py migrate --fake-initial` takes it over.\n"
    )
    assert theirs.rows(list(before)) == before


@pytest.mark.parametrize(
    ("statements", "why"),
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
def test_an_older_database_is_refused_in_one_sentence(
    theirs: Database, statements: list[str], why: str
) -> None:
    theirs.sql(*statements)
    tables = theirs.tables()
    result = theirs.manage("migrate", "--fake-initial")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"CommandError: This database is older than OpenOrchestrator 3 ({why}); run "
        "OpenOrchestrator's own upgrade first: python -m OpenOrchestrator upgrade "
        "CONNECTION_STRING, in the folder of its source where alembic.ini is."
    )
    assert theirs.tables() == tables


def test_letter_case_of_columns_does_not_matter(theirs: Database) -> None:
    theirs.sql("ALTER TABLE Queues RENAME COLUMN status TO Status")
    theirs.migrate("--fake-initial")
    assert "no issues" in theirs.manage("check", "--database", "default").stdout


def test_the_first_migrations_make_exactly_its_tables(theirs: Database, tmp_path: Path) -> None:
    ours = Database(tmp_path / "ours.sqlite3")
    ours.migrate("queues", "0001")
    ours.migrate("triggers", "0001")
    assert schema(ours) == schema(theirs)


# The way back


def test_going_back_gives_its_tables_back(theirs: Database) -> None:
    before, rows = schema(theirs), theirs.rows(TABLES)
    theirs.migrate("--fake-initial")
    theirs.migrate("queues", "0001")
    theirs.migrate("triggers", "0001")
    assert schema(theirs) == before
    assert theirs.rows(TABLES) == rows


def test_going_back_and_forth_changes_nothing(theirs: Database) -> None:
    theirs.migrate("--fake-initial")
    after, rows = schema(theirs), theirs.rows(TABLES)
    theirs.migrate("queues", "0001")
    theirs.migrate()
    assert schema(theirs) == after
    assert theirs.rows(TABLES) == rows


def test_going_back_refuses_to_cut_texts(theirs: Database) -> None:
    theirs.migrate("--fake-initial")
    theirs.sql("UPDATE Queues SET message = printf('%1001s', 'x') WHERE queue_name = 'Invoices'")
    before = schema(theirs)

    result = theirs.manage("migrate", "queues", "0001")

    assert result.returncode == 1
    assert result.stderr == (
        "CommandError: Nothing was changed, because going back would lose text in Queues.message "
        "(2 rows). Delete or change these rows, and run this again.\n"
    )
    # Not even the migrations after that one.
    assert schema(theirs) == before


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
def test_going_back_to_zero_refuses_while_there_are_rows(
    theirs: Database, app: str, losses: str
) -> None:
    theirs.migrate("--fake-initial")
    before = schema(theirs)
    result = theirs.manage("migrate", app, "zero")
    assert result.returncode == 1
    assert f"would lose {losses}. Delete" in result.stderr
    assert schema(theirs) == before


def test_keys_and_bans_are_not_dropped_either(theirs: Database) -> None:
    theirs.migrate("--fake-initial")
    theirs.manage("create_api_key", "ERP")
    assert "1 row of security_apikey" in theirs.manage("migrate", "security", "zero").stderr


def test_empty_tables_go(tmp_path: Path) -> None:
    database = Database(tmp_path / "ours.sqlite3")
    database.migrate()
    database.migrate("queues", "zero")
    assert "Queues" not in database.tables()


# The other way round


def test_openorchestrators_other_tables_are_added_beside_ours(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    database = Database(tmp_path / "ours.sqlite3")
    database.migrate()
    ours = schema(database)
    orchestrator(MAKE + STAMP + FILL, database.file)
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
