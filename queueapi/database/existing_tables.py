"""Refuse, before `migrate` changes anything, what would fail halfway or lose data.

`migrate --fake-initial` accepts an existing table by its name alone, so its columns are compared
here.
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

# Labels of the apps whose tables OpenOrchestrator shares, and of all that have tables.
SHARED = {"queues", "triggers"}
OURS = SHARED | {"queueapi", "security"}
# Seconds that a migration waits for a lock on a table.
LOCK_SECONDS = 30
# OpenOrchestrator's alembic revisions before 1c87ed320c78, which is that of its version 3.
OLDER_REVISIONS = {"b67b7649b282", "526b6edac328", "90d46abd44a3", "9698388a0709"}


def before_migrating(using: str, plan: list[tuple[Migration, bool]], **kwargs: Any) -> None:
    """Receive `pre_migrate`, which is sent before the first statement.

    Raises `CommandError` if existing tables are older than OpenOrchestrator 3, or if undoing
    migrations would lose data.
    """
    connection = connections[using]
    remove_time_limit(connection)
    loader = MigrationLoader(connection)
    losses: list[str] = []
    for migration, backwards in plan:
        if backwards and migration.app_label in OURS:
            losses += data_losses(connection, loader, migration)
        elif migration.initial and migration.app_label in SHARED:
            refuse_older_orchestrator(connection, loader, migration)
    if losses:
        raise CommandError(
            f"Nothing was changed, because going back would lose {'; '.join(losses)}. "
            "Delete or change these rows, and run this again."
        )


def remove_time_limit(connection: BaseDatabaseWrapper) -> None:
    """Let statements take as long as they need, but limit their wait for locks.

    Changing a column takes as long as its table is large. While a migration waits for a table,
    robots and requests wait behind it.
    """
    if connection.vendor == "microsoft":
        connection.ensure_connection()
        connection.connection.timeout = 0
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")


def refuse_older_orchestrator(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, migration: Migration
) -> None:
    """Raise `CommandError` if tables that the migration creates exist in an older form."""
    tables = {name.lower() for name in connection.introspection.table_names()}
    models = created_models(loader, migration)
    names = [model._meta.db_table for model in models]
    existing = [name for name in names if name.lower() in tables]
    if not existing:
        return
    if existing != names:
        missing = [name for name in names if name not in existing]
        _refuse(f"there is a table {existing[0]} and no {', '.join(missing)}")
    for model in models:
        columns = columns_of(connection, model._meta.db_table)
        needed = [str(field.column) for field in model._meta.local_concrete_fields]
        missing = [name for name in needed if name.lower() not in columns]
        if missing:
            _refuse(f"{model._meta.db_table} has no column {', '.join(missing)}")
    if "alembic_version" in tables:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version_num FROM alembic_version")
            for (revision,) in cursor.fetchall():
                if revision in OLDER_REVISIONS:
                    _refuse(f"revision {revision}")


def _refuse(reason: str) -> NoReturn:
    raise CommandError(
        f"This database is older than OpenOrchestrator 3 ({reason}); run OpenOrchestrator's own "
        "upgrade first: python -m OpenOrchestrator upgrade CONNECTION_STRING, in the folder of its "
        "source where alembic.ini is."
    )


def data_losses(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, migration: Migration
) -> Iterator[str]:
    """Yield the rows and texts that undoing the migration would lose, with their numbers."""
    for model in created_models(loader, migration):
        if count := model._base_manager.using(connection.alias).count():
            yield f"{_rows(count)} of {model._meta.db_table}"
    old_apps = loader.project_state((migration.app_label, migration.name), at_end=False).apps
    for operation in migration.operations:
        if isinstance(operation, AlterTextColumns):
            model = old_apps.get_model(migration.app_label, operation.model_name)
            for column, count in operation.losses(connection, model).items():
                yield f"text in {model._meta.db_table}.{column} ({_rows(count)})"


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def created_models(loader: MigrationLoader, migration: Migration) -> list[type[Model]]:
    """Return the models whose tables the migration creates."""
    apps = loader.project_state((migration.app_label, migration.name)).apps
    return [
        apps.get_model(migration.app_label, operation.name)
        for operation in migration.operations
        if isinstance(operation, CreateModel) and operation.options.get("managed", True)
    ]
