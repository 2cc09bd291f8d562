"""An INSERT whose text is put together once, and not anew for each row."""

from django.db import connections
from django.db.models import Field, Model
from django.db.models.sql import InsertQuery

# By what they depend on: the kind of database, the model, and which fields have a value.
_statements: dict[tuple[str, type[Model], tuple[str, ...]], str] = {}


def insert(row: Model, using: str) -> None:
    """Add a new row whose primary key is known, as `save` does in the end; signals are not sent.

    Only of the fields that have a value: mssql-python asks the server about each statement with a
    NULL in it, which is one more round trip.
    """
    fields: list[Field] = [
        f for f in row._meta.concrete_fields if f.value_from_object(row) is not None
    ]
    connection = connections[using]
    kind = connection.vendor, type(row), tuple(field.attname for field in fields)
    if kind not in _statements:
        query = InsertQuery(type(row))
        query.insert_values(fields, [row])
        [(_statements[kind], _)] = query.get_compiler(using).as_sql()
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_statements[kind], values)
    row._state.adding = False
    row._state.db = using
