"""What columns a table really has, and where they are not as the models need them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

COLUMNS = """
SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE
FROM INFORMATION_SCHEMA.COLUMNS
WHERE TABLE_SCHEMA = SCHEMA_NAME() AND TABLE_NAME = %s
"""
# Those that SQL Server gives a value. A login without rights on the definitions sees no default in
# INFORMATION_SCHEMA, but that there is one.
FILLED = """
SELECT name FROM sys.columns
WHERE object_id = OBJECT_ID(%s) AND (default_object_id <> 0 OR is_identity = 1 OR is_computed = 1
      OR generated_always_type <> 0 OR TYPE_NAME(system_type_id) = 'timestamp')
"""
# What OpenOrchestrator made; it holds the times that we write.
COMPATIBLE_TYPES = {("datetime2", "datetime")}
MAX = -1  # the length of nvarchar(max)


class Column(NamedTuple):
    kind: str  # such as nvarchar; empty where types are not strict
    length: int | None  # characters, or UTF-16 units
    null: bool

    def __str__(self) -> str:
        if self.length is None:
            return self.kind
        return f"{self.kind}({'max' if self.length == MAX else self.length})"


def columns_of(connection: BaseDatabaseWrapper, table: str) -> dict[str, Column]:
    """By name in lower case; empty if there is no such table."""
    with connection.cursor() as cursor:
        if connection.vendor == "microsoft":
            cursor.execute(COLUMNS, [table])
            return {
                name.lower(): Column(kind.lower(), length, null == "YES")
                for name, kind, length, null in cursor.fetchall()
            }
        if table not in connection.introspection.table_names(cursor):
            return {}
        return {
            column.name.lower(): Column("", None, bool(column.null_ok))
            for column in connection.introspection.get_table_description(cursor, table)
        }


def filled_by_the_database(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    """The columns that a row may leave out."""
    with connection.cursor() as cursor:
        if connection.vendor == "microsoft":
            cursor.execute(FILLED, [connection.ops.quote_name(table)])
            return {name.lower() for (name,) in cursor.fetchall()}
        described = connection.introspection.get_table_description(cursor, table)
        return {column.name.lower() for column in described if column.default is not None}


def schema_errors(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    """A sentence for each column that would make us fail, or one for a table that is missing."""
    table = model._meta.db_table
    columns = columns_of(connection, table)
    if not columns:
        yield f"The table {table} is missing."
        return
    for field in model._meta.local_concrete_fields:
        column = columns.pop(str(field.column).lower(), None)
        name = f"{table}.{field.column}"
        if column is None:
            yield f"{name} is missing."
            continue
        wanted = _parse(str(field.db_type(connection)))
        if column.kind and not _holds(column, *wanted):
            yield f"{name} is {column}, and has to be {field.db_type(connection)}."
        if column.null != field.null:
            yield f"{name} has to {'allow' if field.null else 'refuse'} NULL."
    needed = {name for name, column in columns.items() if not column.null}
    if needed:
        needed -= filled_by_the_database(connection, table)
    for name in sorted(needed):
        yield f"{table}.{name} is unknown here, and refuses rows without it."


def _parse(db_type: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\w+)(?:\((\w+)\))?", db_type)
    if match is None:
        return db_type, None
    kind, length = match.groups()
    return kind, MAX if length == "max" else int(length) if length else None


def _holds(column: Column, kind: str, length: int | None) -> bool:
    if column.kind != kind and (kind, column.kind) not in COMPATIBLE_TYPES:
        return False
    if length is None or column.length in (None, MAX):
        return True
    return length != MAX and column.length >= length
