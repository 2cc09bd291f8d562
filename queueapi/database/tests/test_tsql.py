"""Statements for SQL Server, as mssql-django compiles them, parsed as T-SQL."""

import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
import sqlglot
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from sqlglot import exp

from queueapi.alerts import problems
from queueapi.database import columns as columns_
from queueapi.database import indexes, migration_operations
from queueapi.database.existing_tables import OURS
from queueapi.database.locks import acquire_app_lock
from queueapi.database.model_fields import TextStart
from queueapi.database.tests.sql_server import fake_sql_server, needs_pyodbc
from queueapi.late_triggers import late_triggers
from queueapi.models import Alert
from queueapi.roles import role
from queues import queue_statistics
from queues.failures import group_failures
from queues.models import QueueItem
from security.cache import TableCache
from security.models import Client, IdempotencyKey
from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache
from triggers.models import SingleTrigger, Trigger
from triggers.models.schedulers import Job, Log, Scheduler

pytestmark = needs_pyodbc

NODES = MigrationLoader(None).graph.leaf_nodes()
GRAPH = MigrationLoader(None).graph
PLAN = list(dict.fromkeys(key for node in NODES for key in GRAPH.forwards_plan(node)))
OUR_PLAN = [key for key in PLAN if key[0] in OURS]

# Rows of the query for indexes: those of OpenOrchestrator, and one of a DBA. A row has name, type,
# unique, filter, column, descending and included.
INDEXES = [
    ("ix_Queues_queue_name", "NONCLUSTERED", False, None, "queue_name", False, False),
    ("ix_Queues_created_date", "NONCLUSTERED", False, None, "created_date", False, False),
    ("of the DBA", "NONCLUSTERED", True, "([reference]<>'')", "reference", True, False),
    ("of the DBA", "NONCLUSTERED", True, "([reference]<>'')", "status", False, False),
    ("of the DBA", "NONCLUSTERED", True, "([reference]<>'')", "created_by", False, True),
]


SqlServer = tuple[BaseDatabaseWrapper, list[str]]


@pytest.fixture
def sql_server(django_db_blocker: DjangoDbBlocker) -> Iterator[SqlServer]:
    with django_db_blocker.unblock(), fake_sql_server({"i.filter_definition": INDEXES}) as server:
        yield server


def ddl(
    connection: BaseDatabaseWrapper, key: tuple[str, str], backwards: bool = False
) -> list[str]:
    """Return the statements of a migration."""
    loader = MigrationLoader(None)
    state = loader.project_state(key, at_end=False)
    migration = loader.graph.nodes[key]
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        run = migration.unapply if backwards else migration.apply
        run(state, editor, collect_sql=True)
    return [sql for sql in editor.collected_sql if not sql.startswith("--")]


def parsed(statements: list[str]) -> Iterator[exp.Expr]:
    for statement in statements:
        # mssql-django declares the parameters of a GROUP BY in a line that the parser can't read.
        without_names = re.sub(r"\ADECLARE @.*\n", "", statement)
        for tree in sqlglot.parse(without_names, read="tsql"):
            # The parser takes a statement that it can't read for a command.
            assert tree, statement
            assert not isinstance(tree, exp.Command), statement
            yield tree


def columns(statements: list[str]) -> dict[str, list[str]]:
    """Return the types that the statements give to each `table.column`, in order."""
    types: dict[str, list[str]] = {}
    for tree in parsed(statements):
        table = tree.find(exp.Table)
        assert table
        for column in tree.find_all(exp.ColumnDef, exp.AlterColumn):
            type_ = column.args.get("kind") or column.args.get("dtype")
            if type_ is not None:
                name = f"{table.name}.{column.this.name}"
                types.setdefault(name, []).append(type_.sql("tsql").lower())
    return types


def test_migrate_takes_a_lock_first(django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), fake_sql_server({"sp_getapplock": [(0,)]}) as server:
        call_command("migrate", plan=True, skip_checks=True, stdout=StringIO())
        assert "sp_getapplock 'queueapi', 'Exclusive', 'Session', 0;" in server[1][0]


@pytest.mark.parametrize(("result", "has_lock"), [(0, True), (1, True), (-1, False)])
def test_lock_of_another_session_is_not_taken(
    django_db_blocker: DjangoDbBlocker, result: int, has_lock: bool
) -> None:
    with django_db_blocker.unblock(), fake_sql_server({"sp_getapplock": [(result,)]}) as server:
        assert acquire_app_lock(server[0]) is has_lock


@pytest.mark.parametrize("key", PLAN, ids=" ".join)
def test_migration_is_t_sql(sql_server: SqlServer, key: tuple[str, str]) -> None:
    connection, _ = sql_server
    list(parsed(ddl(connection, key)))


@pytest.mark.parametrize("key", OUR_PLAN, ids=" ".join)
def test_undoing_a_migration_is_t_sql(sql_server: SqlServer, key: tuple[str, str]) -> None:
    connection, _ = sql_server
    # mssql-django drops a table in a batch with variables that the parser can't read.
    list(parsed([sql for sql in ddl(connection, key, backwards=True) if "DECLARE" not in sql]))


def test_columns_have_types_that_openorchestrator_reads(sql_server: SqlServer) -> None:
    connection, _ = sql_server
    types = columns([sql for key in OUR_PLAN for sql in ddl(connection, key)])
    for name in ("Queues", "Triggers", "Single_Triggers", "Scheduled_Triggers", "Queue_Triggers"):
        assert types[f"{name}.id"] == ["uniqueidentifier"]
    names = {re.sub(r"\(.*", "", name) for all_of_one in types.values() for name in all_of_one}
    # No datetimeoffset and no varchar. Only idempotency keys have a binary.
    assert names == {
        *("uniqueidentifier", "nvarchar", "datetime2", "bit", "integer", "bigint", "binary")
    }


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("Queues.queue_name", "nvarchar(200)"),
        ("Queues.data", "nvarchar(4000)"),
        ("Queues.reference", "nvarchar(200)"),
        ("Queues.created_by", "nvarchar(200)"),
        ("Queues.message", "nvarchar(max)"),
        ("Triggers.trigger_name", "nvarchar(200)"),
        ("Queue_Triggers.queue_name", "nvarchar(400)"),
        ("security_failedattempt.path", "nvarchar(400)"),
    ],
)
def test_column_stores_the_longest_valid_text(
    sql_server: SqlServer, column: str, type_: str
) -> None:
    connection, _ = sql_server
    types = columns([sql for key in OUR_PLAN for sql in ddl(connection, key)])
    assert types[column][-1] == type_


def test_indexes_of_an_altered_column_are_created_again(sql_server: SqlServer) -> None:
    connection, _ = sql_server
    statements = ddl(connection, ("queues", "0004_texts_in_any_language"))
    assert statements == [
        "DROP INDEX [ix_Queues_queue_name] ON [Queues];",
        "DROP INDEX [of the DBA] ON [Queues];",
        "ALTER TABLE [Queues] ALTER COLUMN [queue_name] nvarchar(200) NOT NULL;",
        "ALTER TABLE [Queues] ALTER COLUMN [status] nvarchar(22) NOT NULL;",
        "ALTER TABLE [Queues] ALTER COLUMN [data] nvarchar(4000) NULL;",
        "ALTER TABLE [Queues] ALTER COLUMN [reference] nvarchar(200) NULL;",
        "ALTER TABLE [Queues] ALTER COLUMN [created_by] nvarchar(200) NULL;",
        "CREATE NONCLUSTERED INDEX [ix_Queues_queue_name] ON [Queues] ([queue_name]);",
        "CREATE UNIQUE NONCLUSTERED INDEX [of the DBA] ON [Queues] "
        "([reference] DESC, [status]) INCLUDE ([created_by]) WHERE ([reference]<>'');",
    ]


def test_altered_column_keeps_its_collation(sql_server: SqlServer) -> None:
    connection, _ = sql_server
    rows = connection.connection.rows
    rows["sys.columns\nWHERE"] = [("data", "Danish_Norwegian_CI_AS")]
    statements = ddl(connection, ("queues", "0004_texts_in_any_language"))
    assert [sql for sql in statements if "COLLATE" in sql] == [
        "ALTER TABLE [Queues] ALTER COLUMN [data] nvarchar(4000) COLLATE Danish_Norwegian_CI_AS "
        "NULL;"
    ]
    list(parsed(statements))


def test_queries_of_migrations_and_checks_are_t_sql() -> None:
    losses = migration_operations.LOSSES.format(table="[Queues]", column="[data]", bytes=101)
    queries = [
        losses,
        migration_operations.COLLATIONS,
        indexes.INDEXES,
        columns_.COLUMNS,
    ]
    assert len(list(parsed([query.replace("%s", "?") for query in queries]))) == 4


def test_undone_migrations_restore_the_types_of_openorchestrator(sql_server: SqlServer) -> None:
    connection, _ = sql_server
    keys = [
        ("triggers", "0002_texts_in_any_language"),
        ("queues", "0004_texts_in_any_language"),
        ("queues", "0002_message_without_limit"),
    ]
    types = columns([sql for key in keys for sql in ddl(connection, key, backwards=True)])
    assert {name: all_of_one[-1] for name, all_of_one in types.items()} == {
        "Queues.queue_name": "varchar(100)",
        "Queues.status": "varchar(11)",
        "Queues.data": "varchar(2000)",
        "Queues.reference": "varchar(100)",
        "Queues.created_by": "varchar(100)",
        "Queues.message": "varchar(1000)",
        "Triggers.trigger_name": "varchar(100)",
        "Triggers.process_name": "varchar(100)",
        "Triggers.process_path": "varchar(250)",
        "Triggers.process_args": "varchar(1000)",
        "Triggers.process_status": "varchar(7)",
        "Triggers.git_branch": "varchar(100)",
        "Triggers.scheduler_whitelist": "varchar(250)",
        "Triggers.type": "varchar(9)",
        "Scheduled_Triggers.cron_expr": "varchar(200)",
        "Queue_Triggers.queue_name": "varchar(200)",
    }


# The API's statements


def test_push_is_one_insert(sql_server: SqlServer) -> None:
    _, statements = sql_server
    QueueItem.objects.push(queue_name="q", data="x")
    [insert] = parsed(statements)
    assert isinstance(insert, exp.Insert)
    # No temporary table, and no id to be returned.
    assert "#" not in statements[0]
    assert "OUTPUT" not in statements[0]


def test_push_names_no_column_without_a_value(sql_server: SqlServer) -> None:
    _, statements = sql_server
    QueueItem.objects.push(queue_name="q", reference="r", message=None)
    assert statements == [
        "INSERT INTO [Queues] ([id], [queue_name], [status], [reference], [created_date]) "
        "VALUES (?, ?, ?, ?, ?)"
    ]


def test_push_of_many_is_inserts_of_few_parameters_and_no_null(sql_server: SqlServer) -> None:
    _, statements = sql_server
    texts = dict.fromkeys(["data", "reference", "message", "created_by"], "x")
    items = [QueueItem(queue_name="q", **(texts if number % 2 else {})) for number in range(1000)]
    QueueItem.objects.push_all(items)
    inserts = [sql for sql in statements if "@@TRANCOUNT" not in sql]
    rows = [len(insert.expression.expressions) for insert in parsed(inserts)]
    assert sum(rows) == 1000
    assert max(rows) <= 1000
    assert max(sql.count("?") for sql in inserts) <= 2100
    assert {sql.partition("VALUES")[0] for sql in inserts} == {
        "INSERT INTO [Queues] ([id], [queue_name], [status], [created_date]) ",
        "INSERT INTO [Queues] ([id], [queue_name], [status], [data], [reference], "
        "[created_date], [message], [created_by]) ",
    }


def test_trigger_is_one_update(sql_server: SqlServer) -> None:
    _, statements = sql_server
    Trigger.objects.set_status("Report", "IDLE")
    set_nocount, update = parsed(statements)
    assert isinstance(set_nocount, exp.Set)
    assert isinstance(update, exp.Update)
    assert len(statements) == 1


def test_trigger_with_an_exact_name_is_one_update(sql_server: SqlServer) -> None:
    _, statements = sql_server
    Trigger.objects.set_status("Report", "IDLE", expected="DONE", exactly=True)
    set_nocount, update = parsed(statements)
    assert isinstance(set_nocount, exp.Set)
    assert isinstance(update, exp.Update)
    assert len(statements) == 1


def test_exact_text_is_compared_as_text_and_as_bytes(sql_server: SqlServer) -> None:
    _, statements = sql_server
    list(QueueItem.objects.filter(reference__exactly="R").values_list("pk"))
    assert statements[0].partition(" WHERE ")[2] == (
        "([Queues].[reference] = ? AND CONVERT(varbinary(8000), [Queues].[reference]) = "
        "CONVERT(varbinary(8000), CONVERT(nvarchar(4000), ?)))"
    )


@pytest.mark.usefixtures("sql_server")
def test_exact_text_is_sent_as_both_parameters() -> None:
    assert QueueItem.objects.filter(reference__exactly="R").query.sql_with_params()[1] == ("R", "R")


def test_idempotency_key_is_inserted_and_then_updated(sql_server: SqlServer) -> None:
    _, statements = sql_server
    key = IdempotencyKey.objects.build("ERP", "queue", "k", {})
    key.save(force_insert=True)
    key.store_response(201, "{}")
    assert statements == [
        "INSERT INTO [security_idempotencykey] "
        "([digest], [fingerprint], [status_code], [body], [created]) VALUES (?, ?, ?, ?, ?)",
        "SET NOCOUNT OFF; UPDATE [security_idempotencykey] SET [status_code] = ?, [body] = ? "
        "WHERE [security_idempotencykey].[digest] = ?",
    ]


def test_start_of_a_text_is_whole_characters(sql_server: SqlServer) -> None:
    _, statements = sql_server
    list(QueueItem.objects.annotate(start=TextStart("message", 9)).values_list("start"))
    assert "LEFT([Queues].[message] COLLATE Latin1_General_100_CI_AS_SC, " in statements[-1]


@pytest.mark.usefixtures("sql_server")
def test_id_in_a_query_has_dashes() -> None:
    # Without them SQL Server refuses a uniqueidentifier (error 8169).
    pk = "5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a11"
    _, [sent] = QueueItem.objects.filter(pk=pk).query.sql_with_params()
    assert sent == pk


@pytest.mark.parametrize(
    "run_query",
    [
        lambda: IdempotencyKey.objects.filter(digest=bytes(32)).first(),
        lambda: list(QueueItem.objects.filter(id__icontains="5f0c1c3e-90")[:100]),
        lambda: list(QueueItem.objects.stuck()[:100]),
        lambda: list(QueueItem.objects.failed_since(timezone.now())[:100]),
        lambda: list(QueueItem.objects.filter(status="NEW").order_by("created_date")[:500]),
        queue_statistics.count,
        lambda: queue_statistics.count("q"),
        lambda: queue_statistics.durations("q", False),
        lambda: list(QueueItem.objects.with_text_starts()[:50]),
        lambda: group_failures(QueueItem.objects.all()),
        lambda: QueueItem.objects.newest_with_reference("R", "q", is_allowed=bool),
        lambda: list(SingleTrigger.objects.single("Report", exactly=True)),
        lambda: list(QueueItem.objects.filter(reference__startswith="R%")[:50]),
        lambda: list(map(list, QueueItem.objects.parts_by_end(timezone.now(), None, ["DONE"]))),
        QueueItem.objects.filter(status="FAILED")[:10001].count,
        lambda: QueueItem.objects.filter(status="FAILED").requeue(),
        lambda: Trigger.objects.filter(type="SINGLE").pause(),
        Trigger.objects.kill,
        lambda: Client.objects.with_name("ERP"),
        lambda: list(User.objects.annotate(role=role()).filter(role="none").order_by("role")),
        lambda: list(Scheduler.objects.order_by("machine_name")),
        lambda: list(Job.objects.filter(process_name="P").order_by("-start_time")[:20]),
        lambda: list(
            Log.objects.of_job(Job(id=uuid4(), status="FAILED", start_time=timezone.now()))[:501]
        ),
        lambda: late_triggers(["ROBOT-01"]),
        problems,
        lambda: Alert.objects.record([]),
        lambda: Alert.objects.filter(is_certain=True, ended=None).update(is_mailed=True),
        Alert.objects.exclude(ended=None).delete,
    ],
    ids=[
        "idempotency key",
        "part of an id",
        "stuck",
        "failed",
        "next",
        "dashboard",
        "queue",
        "durations",
        "list",
        "groups of failures",
        "reference",
        "single triggers",
        "beginning of a reference",
        "parts by end",
        "number",
        "requeue",
        "pause",
        "kill",
        "client",
        "role",
        "schedulers",
        "jobs",
        "log of a job",
        "late triggers",
        "problems",
        "alerts",
        "mailed alerts",
        "ended alerts",
    ],
)
def test_query_is_t_sql(sql_server: SqlServer, run_query: Callable[[], object]) -> None:
    _, statements = sql_server
    run_query()
    assert statements
    list(parsed(statements))


@pytest.mark.parametrize(
    "cache", [api_key_cache, ban_cache, api_failure_cache], ids=["keys", "bans", "failures"]
)
def test_queries_of_a_cache_are_t_sql(sql_server: SqlServer, cache: TableCache[Any]) -> None:
    _, statements = sql_server
    limited = cache.rows()[: cache.max_rows + 1]
    limited.count()
    list(limited)
    list(cache.rows().filter(**{cache.field: "x"})[:1])
    assert len(list(parsed(statements))) == 3
