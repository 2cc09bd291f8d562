"""Model fields that hold on SQL Server what they promise in Python."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import IContains

# The range of SQL Server's `datetime`, which tables made by OpenOrchestrator have.
EARLIEST = datetime(1753, 1, 1)
LATEST = datetime(9999, 12, 31, 23, 59, 59)


class UnicodeCharField(models.CharField):
    """A text of at most `max_length` characters (2000 at most), whichever they are.

    SQL Server's `nvarchar(n)` counts UTF-16 units, of which an emoji takes two, and Python counts
    characters. So the column there is twice as wide: what passes validation also stores.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "microsoft" and self.max_length:
            return f"nvarchar({2 * self.max_length})"
        return super().db_type(connection)


def truncate(text: str, units: int) -> str:
    """The beginning of a text, as much as a column of so many UTF-16 units holds."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")


class UniqueIdentifierField(models.UUIDField):
    """A UUID that is a `uniqueidentifier` on SQL Server, as SQLAlchemy's `Uuid` is.

    mssql-django stores a `UUIDField` as `char(32)` and sends it without dashes, which SQL Server
    refuses for a `uniqueidentifier` (error 8169). Other databases keep Django's form, which is
    SQLAlchemy's as well: 32 hex digits on SQLite.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "microsoft":
            return "uniqueidentifier"
        return super().db_type(connection)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        if value is not None and connection.vendor == "microsoft":
            return str(UUID(str(value)))
        return value


@UniqueIdentifierField.register_lookup
class UniqueIdentifierContains(IContains):
    """A part of an id, written with or without dashes."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        super().__init__(lhs, rhs.replace("-", "") if isinstance(rhs, str) else rhs)

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)
        if connection.vendor == "microsoft":
            sql = f"REPLACE(CONVERT(char(36), {sql}), '-', '')"
        return sql, params
