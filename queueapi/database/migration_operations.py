"""Migration operations for tables that OpenOrchestrator also reads and writes."""

from copy import copy
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, Model
from django.db.models.functions import Length

from queueapi.database.indexes import indexes_on

# Counts texts that a varchar would cut, since its length is in bytes, or change, since it lacks
# characters outside of the code page. Comparisons ignore spaces at the end, hence the dot. The
# lock keeps such texts out until the end of the transaction, which changes the columns.
LOSSES = """
SELECT COUNT(*) FROM {table} WITH (TABLOCKX, HOLDLOCK)
WHERE CONVERT(nvarchar(max), CONVERT(varchar({bytes}), {column} + '.')) COLLATE Latin1_General_BIN2
      <> ({column} + '.') COLLATE Latin1_General_BIN2
"""
# Collations that differ from the database's, to which ALTER COLUMN would reset them.
COLLATIONS = """
SELECT name, collation_name FROM sys.columns
WHERE object_id = OBJECT_ID(%s)
  AND collation_name <> CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Collation'))
"""


def refuse_existing_tables(*tables: str) -> RunPython:
    """Return an operation that raises `CommandError` if one of the tables exists."""

    def refuse(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
        names = schema_editor.connection.introspection.table_names()
        existing = {name.lower() for name in names}
        for table in tables:
            if table.lower() in existing:
                raise CommandError(
                    f"There is a table {table} already; if it is OpenOrchestrator's, "
                    "`manage.py migrate --fake-initial` takes it over."
                )

    return RunPython(refuse, RunPython.noop)


class AlterTextColumns(Operation):
    """Alter text columns of OpenOrchestrator; undone, make them `varchar` as in its own schema.

    In SQL Server they may be `varchar` or already `nvarchar`, if our migrations created the table.
    Their indexes are dropped before and created again after, under the same names, since SQL
    Server changes the type of no indexed column (error 5074).
    """

    def __init__(self, model_name: str, fields: dict[str, Field]) -> None:
        self.model_name = model_name
        self.fields = fields

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for name, field in self.fields.items():
            state.alter_field(app_label, self.model_name.lower(), name, field, True)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> None:
        old, new = (state.apps.get_model(app_label, self.model_name) for state in states)
        types = {f: str(f.db_type(schema_editor.connection)) for f in self._fields_of(new)}
        self._alter(schema_editor, old, new, types)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> None:
        old, new = (state.apps.get_model(app_label, self.model_name) for state in states)
        # Again, since such a text may have been stored after `before_migrating`.
        if not schema_editor.collect_sql and self.losses(schema_editor.connection, new):
            raise CommandError(
                "Going back stopped here, because a text that it would cut came in meanwhile. "
                "Stop what writes to the database, and run this again."
            )
        types = {field: f"varchar({field.max_length})" for field in self._fields_of(new)}
        self._alter(schema_editor, old, new, types)

    def describe(self) -> str:
        return f"Change the columns {', '.join(self.fields)} of {self.model_name}"

    def losses(self, connection: BaseDatabaseWrapper, model: type[Model]) -> dict[str, int]:
        """Return the number of rows whose text the columns of `model` can't hold, by column.

        Columns without such a row are left out.
        """
        fields = self._fields_of(model)
        counts = {str(field.column): _count_losses(connection, model, field) for field in fields}
        return {column: count for column, count in counts.items() if count}

    def _fields_of(self, model: type[Model]) -> list[Field]:
        return [f for f in model._meta.local_concrete_fields if f.name in self.fields]

    def _alter(
        self,
        schema_editor: BaseDatabaseSchemaEditor,
        old: type[Model],
        new: type[Model],
        types: dict[Field, str],
    ) -> None:
        connection = schema_editor.connection
        if not self.allow_migrate_model(connection.alias, new):
            return
        if connection.vendor == "microsoft":
            self._alter_in_sql_server(schema_editor, new._meta.db_table, types)
            return
        for before, after in zip(self._fields_of(old), self._fields_of(new), strict=True):
            if before.db_type(connection) != after.db_type(connection):
                # SQLite's schema editor creates the table anew with the columns in this order.
                field = copy(after)
                field.creation_counter = before.creation_counter
                schema_editor.alter_field(old, before, field)

    def _alter_in_sql_server(
        self, schema_editor: BaseDatabaseSchemaEditor, table: str, types: dict[Field, str]
    ) -> None:
        quote = schema_editor.quote_name
        connection = schema_editor.connection
        indexes = indexes_on(connection, table, [str(field.column) for field in types])
        for index in indexes:
            schema_editor.execute(index.drop, None)
        with connection.cursor() as cursor:
            cursor.execute(COLLATIONS, [quote(table)])
            collations = dict(cursor.fetchall())
        for field, db_type in types.items():
            name = str(field.column)
            collation = f" COLLATE {collations[name]}" if name in collations else ""
            null = "NULL" if field.null else "NOT NULL"
            definition = f"{quote(name)} {db_type}{collation} {null}"
            schema_editor.execute(f"ALTER TABLE {quote(table)} ALTER COLUMN {definition}", None)
        for index in indexes:
            schema_editor.execute(index.create, None)


def _count_losses(connection: BaseDatabaseWrapper, model: type[Model], field: Field) -> int:
    if connection.vendor != "microsoft":
        rows = model._base_manager.using(connection.alias).alias(length=Length(field.name))
        return int(rows.filter(length__gt=field.max_length).count())
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(str(field.column))
    longest = int(field.max_length or 0) + 1  # with the dot
    with connection.cursor() as cursor:
        cursor.execute(LOSSES.format(table=table, column=column, bytes=longest))
        return int(cursor.fetchone()[0])
