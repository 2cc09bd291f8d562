"""Model fields for the columns that OpenOrchestrator made."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


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
