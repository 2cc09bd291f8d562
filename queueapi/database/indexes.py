"""Indexes of a table in SQL Server, to be dropped and created again around ALTER COLUMN."""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

# Without those of primary keys and unique constraints. Types: 1 clustered, 2 nonclustered.
INDEXES = """
SELECT i.name, i.type_desc, i.is_unique, i.filter_definition,
       c.name, ic.is_descending_key, ic.is_included_column
FROM sys.indexes AS i
INNER JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE i.object_id = OBJECT_ID(%s)
  AND i.type IN (1, 2) AND i.is_primary_key = 0 AND i.is_unique_constraint = 0
  AND i.is_hypothetical = 0 AND (ic.key_ordinal > 0 OR ic.is_included_column = 1)
ORDER BY i.index_id, ic.key_ordinal, ic.index_column_id
"""


class Index(NamedTuple):
    """Statements that drop and create an index."""

    drop: str
    create: str


def indexes_on(connection: BaseDatabaseWrapper, table: str, columns: Iterable[str]) -> list[Index]:
    """Return the indexes of the table that have one of these columns, also those of a DBA."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [quote(table)])
        rows = cursor.fetchall()
    indexes = []
    for (name, type_, unique, condition), group in groupby(rows, key=itemgetter(0, 1, 2, 3)):
        parts = list(group)
        if not {row[4] for row in parts} & set(columns):
            continue
        keys = [
            f"{quote(column)}{' DESC' * descending}"
            for *_, column, descending, included in parts
            if not included
        ]
        others = [quote(column) for *_, column, _, included in parts if included]
        create = (
            f"CREATE {'UNIQUE ' * unique}{type_} INDEX {quote(name)} "
            f"ON {quote(table)} ({', '.join(keys)})"
        )
        if others:
            create += f" INCLUDE ({', '.join(others)})"
        if condition:
            create += f" WHERE {condition}"
        indexes.append(Index(f"DROP INDEX {quote(name)} ON {quote(table)}", create))
    return indexes
