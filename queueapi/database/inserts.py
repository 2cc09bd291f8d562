"""An INSERT whose text is put together once, and not anew for each row."""

from django.db import connections, models, transaction
from django.db.models.sql import InsertQuery

# By what a text depends on: the kind of database, the model, and which fields have a value.
_statements: dict[tuple[str, type[models.Model], tuple[str, ...]], str] = {}


def insert(row: models.Model, using: str) -> None:
    """Add a new row whose primary key is known.

    For plain models and plain values: it sends no signals, writes no table of a parent model, and
    raises `TypeError` for an expression. Fields without a value are not named, since mssql-python
    asks the server about each statement that has a NULL, which is one more round trip.
    """
    connection = connections[using]
    given = {
        field: value
        for field in row._meta.local_concrete_fields
        if (value := field.pre_save(row, add=True)) is not None
    }
    if any(hasattr(value, "resolve_expression") for value in given.values()):
        raise TypeError("An expression would become part of the text, and here the text is kept.")
    key = connection.vendor, type(row), tuple(field.attname for field in given)
    if key not in _statements:
        query = InsertQuery(type(row))
        query.insert_values(list(given), [row])
        [(sql, _)] = query.get_compiler(using).as_sql()
        _statements[key] = sql
    values = [field.get_db_prep_save(value, connection) for field, value in given.items()]
    with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
        cursor.execute(_statements[key], values)
