"""The columns that a table has, and how they differ from those that a model needs."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

# Whether a column has a default is asked of sys.columns: INFORMATION_SCHEMA shows defaults only to
# a login with VIEW DEFINITION.
COLUMNS = """
SELECT c.COLUMN_NAME, c.DATA_TYPE, c.CHARACTER_MAXIMUM_LENGTH,
       CASE WHEN c.IS_NULLABLE = 'YES' THEN 1 ELSE 0 END,
       CASE WHEN s.default_object_id <> 0 OR s.is_identity = 1 OR s.is_computed = 1
                 OR s.generated_always_type <> 0 OR c.DATA_TYPE = 'timestamp'
            THEN 1 ELSE 0 END
FROM INFORMATION_SCHEMA.COLUMNS AS c
INNER JOIN sys.columns AS s ON s.object_id = OBJECT_ID(%s) AND s.name = c.COLUMN_NAME
WHERE c.TABLE_SCHEMA = SCHEMA_NAME() AND c.TABLE_NAME = %s
"""
# (needed, found). OpenOrchestrator's datetime stores all times that we write.
COMPATIBLE_TYPES = {("datetime2", "datetime")}
MAX = -1  # the length of nvarchar(max)


class Column(NamedTuple):
    type: str  # such as nvarchar; empty on SQLite, whose types are not strict
    length: int | None  # in characters, or UTF-16 units
    null: bool
    has_default: bool  # or another value that the database sets

    def __str__(self) -> str:
        if self.length is None:
            return self.type
        return f"{self.type}({'max' if self.length == MAX else self.length})"


def columns_of(connection: BaseDatabaseWrapper, table: str) -> dict[str, Column]:
    """Return the columns by name in lower case; none if the table is missing."""
    with connection.cursor() as cursor:
        if connection.vendor == "microsoft":
            cursor.execute(COLUMNS, [connection.ops.quote_name(table), table])
            return {name.lower(): Column(*column) for name, *column in cursor.fetchall()}
        if table not in connection.introspection.table_names(cursor):
            return {}
        return {
            column.name.lower(): Column("", None, bool(column.null_ok), column.default is not None)
            for column in connection.introspection.get_table_description(cursor, table)
        }


def schema_errors(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    """Yield a sentence for each column that would make statements of the model fail."""
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
        db_type = str(field.db_type(connection))
        if not _is_compatible(column, db_type):
            yield f"{name} is {column}, and has to be {db_type}."
        if column.null != field.null:
            yield f"{name} has to {'allow' if field.null else 'refuse'} NULL."
    for column_name, column in sorted(columns.items()):
        if not (column.null or column.has_default):
            yield f"{table}.{column_name} is unknown here, and refuses rows without it."


def _is_compatible(column: Column, db_type: str) -> bool:
    """Whether the column stores all values of a type such as `nvarchar(100)` or `datetime2`."""
    type_, _, length = db_type.rstrip(")").partition("(")
    if column.type not in ("", type_) and (type_, column.type) not in COMPATIBLE_TYPES:
        return False
    if not length or column.length is None or column.length == MAX:
        return True
    return length != "max" and column.length >= int(length)
