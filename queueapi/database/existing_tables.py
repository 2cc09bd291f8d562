"""Before `migrate` changes anything: is this a database that we may change, without a loss?

Connected to `pre_migrate`, which comes before the first statement. `--fake-initial` takes over a
table by its name alone, so its columns are looked at here.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

from django.core.management.base import CommandError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel
from django.db.models import Model

from queueapi.database.columns import columns_of
from queueapi.database.migration_operations import AlterTextColumns

SHARED = {"queues", "triggers"}
OURS = SHARED | {"security"}
# How long a migration waits for a table that somebody else works on.
LOCK_SECONDS = 30
# OpenOrchestrator's revisions before 1c87ed320c78, which is that of version 3.
OLDER_REVISIONS = {"b67b7649b282", "526b6edac328", "90d46abd44a3", "9698388a0709"}


def before_migrating(using: str, plan: list[tuple[Migration, bool]], **kwargs: Any) -> None:
    """Raises `CommandError`, and nothing has changed, if the plan would do harm."""
    connection = connections[using]
    lift_time_limit(connection)
    loader = MigrationLoader(connection)
    for migration, backwards in plan:
        if migration.app_label in SHARED and migration.initial and not backwards:
            refuse_older_orchestrator(connection, loader, migration)
    undone = [migration for migration, backwards in plan if backwards]
    refuse_losses(connection, loader, [each for each in undone if each.app_label in OURS])


def lift_time_limit(connection: BaseDatabaseWrapper) -> None:
    """A request has to end soon; changing a column takes as long as its table is large.

    But not the wait for others to let go of the table, for which robots and requests queue up.
    """
    if connection.vendor == "microsoft":
        connection.ensure_connection()
        connection.connection.timeout = 0
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")


def refuse_older_orchestrator(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, migration: Migration
) -> None:
    """Looks at the tables that the migration would make, if they are there already."""
    tables = {name.lower() for name in connection.introspection.table_names()}
    made = _made(loader, migration)
    there = [model for model in made if model._meta.db_table.lower() in tables]
    if there and there != made:
        names = [model._meta.db_table for model in made if model not in there]
        _refuse(f"there is a table {there[0]._meta.db_table} and no {', '.join(names)}")
    for model in there:
        table = model._meta.db_table
        columns = columns_of(connection, table)
        needed = [str(field.column) for field in model._meta.local_concrete_fields]
        missing = [name for name in needed if name.lower() not in columns]
        if missing:
            _refuse(f"{table} has no column {', '.join(missing)}")
    if there and (revision := _revision(connection, tables) & OLDER_REVISIONS):
        _refuse(f"revision {revision.pop()}")


def _refuse(why: str) -> NoReturn:
    raise CommandError(
        f"This database is older than OpenOrchestrator 3 ({why}); run OpenOrchestrator's own "
        "upgrade first: python -m OpenOrchestrator upgrade CONNECTION_STRING, in the folder of its "
        "source where alembic.ini is."
    )


def _revision(connection: BaseDatabaseWrapper, tables: set[str]) -> set[str]:
    if "alembic_version" not in tables:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        return {row[0] for row in cursor.fetchall()}


def refuse_losses(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, undone: list[Migration]
) -> None:
    losses = [loss for migration in undone for loss in _losses(connection, loader, migration)]
    if losses:
        raise CommandError(
            f"Nothing was changed, because going back would lose {'; '.join(losses)}. "
            "Delete or change these rows, and run this again."
        )


def _losses(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, migration: Migration
) -> Iterator[str]:
    for model in _made(loader, migration):
        if count := model._base_manager.using(connection.alias).count():
            yield f"{_rows(count)} of {model._meta.db_table}"
    before = loader.project_state((migration.app_label, migration.name), at_end=False).apps
    for operation in migration.operations:
        if isinstance(operation, AlterTextColumns):
            model = before.get_model(migration.app_label, operation.model_name)
            for column, count in operation.losses(connection, model).items():
                yield f"text in {model._meta.db_table}.{column} ({_rows(count)})"


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _made(loader: MigrationLoader, migration: Migration) -> list[type[Model]]:
    """The models whose tables the migration makes."""
    apps = loader.project_state((migration.app_label, migration.name)).apps
    return [
        apps.get_model(migration.app_label, operation.name)
        for operation in migration.operations
        if isinstance(operation, CreateModel)
    ]
