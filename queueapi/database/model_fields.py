"""Model fields that store the same values on SQL Server and on SQLite."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Left
from django.db.models.lookups import Exact, IContains, StartsWith

# The range of SQL Server's `datetime`, the type in tables that OpenOrchestrator created.
EARLIEST = datetime(1753, 1, 1)
LATEST = datetime(9999, 12, 31, 23, 59, 59)


class UnicodeCharField(models.CharField):
    """Text of at most `max_length` characters (2000 at most), in any language.

    SQL Server's `nvarchar(n)` counts UTF-16 units, of which an emoji takes two, and Python counts
    characters. So the column is twice as wide there, and stores every valid text.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "microsoft" and self.max_length:
            return f"nvarchar({2 * self.max_length})"
        return super().db_type(connection)


@UnicodeCharField.register_lookup
class Exactly(Exact):
    """Compare as Python does, where SQL Server's collations ignore case, width or final spaces."""

    lookup_name = "exactly"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"= {rhs}"

    def as_microsoft(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Compare as a text too, for which there can be an index."""
        sql, params = self.as_sql(compiler, connection)
        column, column_params = self.process_lhs(compiler, connection)
        value, value_params = self.process_rhs(compiler, connection)
        # mssql-python sends ASCII texts as varchar.
        value = f"CONVERT(nvarchar(4000), {value})"
        same = f"CONVERT(varbinary(8000), {column}) = CONVERT(varbinary(8000), {value})"
        return f"({sql} AND {same})", (*params, *column_params, *value_params)


@UnicodeCharField.register_lookup
class StartsWithByIndex(StartsWith):
    """`startswith` by an index, also on SQLite, whose LIKE ignores case and therefore indexes."""

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} GLOB %s", [*params, re.sub(r"[*?[]", r"[\g<0>]", self.rhs) + "*"]


class DigestField(models.BinaryField):
    """Bytes of the fixed length `max_length`, which can be unique on SQL Server, too.

    mssql-django's `BinaryField` is a `varbinary`.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "microsoft":
            return f"binary({self.max_length})"
        return super().db_type(connection)


def truncate(text: str, units: int) -> str:
    """Return the beginning of a text that fits in a number of UTF-16 units, as `nvarchar(n)`."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", errors="ignore")


class TextSize(models.Func):
    """Size of a text: characters, and on SQL Server bytes, since its LEN ignores final spaces."""

    function = "LENGTH"
    output_field = models.BigIntegerField()

    def as_microsoft(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, function="DATALENGTH")


class TextStart(Left):
    """The first characters of a text.

    SQL Server counts UTF-16 units, and drivers can't decode half of an emoji. With a collation for
    supplementary characters (`_SC`) it counts characters.
    """

    def as_microsoft(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return self.as_sql(
            compiler, connection, arg_joiner=" COLLATE Latin1_General_100_CI_AS_SC, "
        )


class UniqueIdentifierField(models.UUIDField):
    """UUID that is a `uniqueidentifier` on SQL Server, as SQLAlchemy's `Uuid` is.

    mssql-django's `UUIDField` is `char(32)` (its issue 134) and sent without dashes, which SQL
    Server refuses for a `uniqueidentifier` (error 8169). On SQLite Django and SQLAlchemy both
    store 32 hex digits.
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
    """Search for a part of an id, with or without dashes."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        super().__init__(lhs, rhs.replace("-", "") if isinstance(rhs, str) else rhs)

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)
        if connection.vendor == "microsoft":
            sql = f"REPLACE(CONVERT(char(36), {sql}), '-', '')"
        return sql, params
