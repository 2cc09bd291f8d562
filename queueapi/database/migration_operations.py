"""Migration operations for tables that OpenOrchestrator reads and writes beside us."""

from collections.abc import Callable
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

# Texts of which a varchar, whose length is in bytes of the database's code page, would cut
# something off or lose a character. The dot at the end makes spaces before it count. The lock
# keeps others from adding one before the transaction ends, in which the columns are changed.
LOSSES = """
SELECT COUNT(*) FROM {table} WITH (TABLOCKX, HOLDLOCK)
WHERE CONVERT(nvarchar(max), CONVERT(varchar({bytes}), {column} + '.')) COLLATE Latin1_General_BIN2
      <> ({column} + '.') COLLATE Latin1_General_BIN2
"""
# Columns that differ from the database in this; ALTER COLUMN would make them as the database is.
COLLATIONS = """
SELECT name, collation_name FROM sys.columns
WHERE object_id = OBJECT_ID(%s)
  AND collation_name <> CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Collation'))
"""


def refuse_existing_tables(*tables: str) -> RunPython:
    """Says what to do if a table that the next operations make is there already."""

    def refuse(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
        there = {name.lower() for name in schema_editor.connection.introspection.table_names()}
        for table in tables:
            if table.lower() in there:
                raise CommandError(
                    f"There is a table {table} already; if it is OpenOrchestrator's, "
                    "`manage.py migrate --fake-initial` takes it over."
                )

    return RunPython(refuse, RunPython.noop)


class AlterTextColumns(Operation):
    """Give text columns of OpenOrchestrator's other types; undone, give it its own back.

    In SQL Server those are `varchar`, or our own `nvarchar` in a database that we made. Forwards
    they become what `fields` ask for, whatever they are, and backwards `varchar`. All indexes on
    them are dropped before and made again after, under their names.
    """

    def __init__(self, model_name: str, fields: dict[str, Field]) -> None:
        self.model_name = model_name
        self.fields = fields

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for name, field in self.fields.items():
            state.alter_field(app_label, self.model_name.lower(), name, field, True)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._alter(schema_editor, self._models(app_label, from_state, to_state), _our_type)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        models = self._models(app_label, from_state, to_state)
        # Again, after `before_migrating`: meanwhile somebody may have stored such a text.
        if not schema_editor.collect_sql and self.losses(schema_editor.connection, models[1]):
            raise CommandError(
                "Going back stopped here, because a text that it would cut came in meanwhile. "
                "Stop what writes to the database, and run this again."
            )
        self._alter(schema_editor, models, _their_type)

    def describe(self) -> str:
        return f"Change the columns {', '.join(self.fields)} of {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"change_texts_{self.model_name.lower()}"

    def losses(self, connection: BaseDatabaseWrapper, before: type[Model]) -> dict[str, int]:
        """How many rows have a text that the column of `before` can't hold, by column.

        Columns that lose nothing are left out.
        """
        counts = {
            str(field.column): _count_losses(connection, before, field)
            for field in self._of(before)
        }
        return {column: count for column, count in counts.items() if count}

    def _models(
        self, app_label: str, from_state: ProjectState, to_state: ProjectState
    ) -> tuple[type[Model], type[Model]]:
        return (
            from_state.apps.get_model(app_label, self.model_name),
            to_state.apps.get_model(app_label, self.model_name),
        )

    def _of(self, model: type[Model]) -> list[Field]:
        """The fields as this state of the model has them."""
        fields = (model._meta.get_field(name) for name in self.fields)
        return [field for field in fields if isinstance(field, Field)]

    def _alter(
        self,
        schema_editor: BaseDatabaseSchemaEditor,
        models: tuple[type[Model], type[Model]],
        type_of: Callable[[Field, BaseDatabaseWrapper], str],
    ) -> None:
        old, new = models
        if not self.allow_migrate_model(schema_editor.connection.alias, new):
            return
        if schema_editor.connection.vendor == "microsoft":
            self._alter_in_sql_server(schema_editor, new, type_of)
            return
        connection = schema_editor.connection
        for before, after in zip(self._of(old), self._of(new), strict=True):
            if before.db_type(connection) != after.db_type(connection):
                # SQLite makes the table anew, with its columns in this order.
                in_its_place = copy(after)
                in_its_place.creation_counter = before.creation_counter
                schema_editor.alter_field(old, before, in_its_place)

    def _alter_in_sql_server(
        self,
        schema_editor: BaseDatabaseSchemaEditor,
        model: type[Model],
        type_of: Callable[[Field, BaseDatabaseWrapper], str],
    ) -> None:
        quote = schema_editor.quote_name
        table = model._meta.db_table
        columns = {str(field.column): field for field in self._of(model)}
        indexes = indexes_on(schema_editor.connection, table, columns)
        for index in indexes:
            schema_editor.execute(index.drop, None)
        collations = self._collations(schema_editor.connection, table)
        for column, field in columns.items():
            null = "NULL" if field.null else "NOT NULL"
            kind = type_of(field, schema_editor.connection)
            if column in collations:
                kind += f" COLLATE {collations[column]}"
            schema_editor.execute(
                f"ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} {kind} {null}", None
            )
        for index in indexes:
            schema_editor.execute(index.create, None)

    @staticmethod
    def _collations(connection: BaseDatabaseWrapper, table: str) -> dict[str, str]:
        with connection.cursor() as cursor:
            cursor.execute(COLLATIONS, [connection.ops.quote_name(table)])
            return dict(cursor.fetchall())


def _our_type(field: Field, connection: BaseDatabaseWrapper) -> str:
    return str(field.db_type(connection))


def _their_type(field: Field, connection: BaseDatabaseWrapper) -> str:
    return f"varchar({field.max_length})"


def _count_losses(connection: BaseDatabaseWrapper, model: type[Model], field: Field) -> int:
    if connection.vendor != "microsoft":
        rows = model._base_manager.using(connection.alias).alias(length=Length(field.name))
        too_long: int = rows.filter(length__gt=field.max_length).count()
        return too_long
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(str(field.column))
    longest = int(field.max_length or 0) + 1  # with the dot
    with connection.cursor() as cursor:
        cursor.execute(LOSSES.format(table=table, column=column, bytes=longest))
        count: int = cursor.fetchone()[0]
    return count
