"""mssql-django with a fake connection: its compiler is real, and the driver is not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import dj_database_url
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from queueapi.database.url import sql_server

try:
    import pyodbc  # noqa: F401  as mssql-django does
except ImportError:
    HAS_PYODBC = False
else:
    HAS_PYODBC = True
needs_pyodbc = pytest.mark.skipif(not HAS_PYODBC, reason="mssql-django needs unixODBC")

URL = "mssql://robot:secret@sql.example.org:1433/OpenOrchestrator"

Row = tuple[Any, ...]
Rows = dict[str, Sequence[Row]]  # by a part of the query that returns them

# Queries that mssql-django sends when it connects.
ROWS: Rows = {
    "SERVERPROPERTY": [("16.0.4085.2", 3)],  # SQL Server 2022
    "@@TRANCOUNT": [(1,)],
    "SYSDATETIME": [(datetime(2026, 1, 1),)],
}


class Driver:
    """Connection of a driver that records the statements."""

    autocommit = True
    timeout = 0

    def __init__(self, rows: Rows) -> None:
        self.rows = {**ROWS, **rows}
        self.statements: list[str] = []

    def cursor(self) -> "Cursor":
        return Cursor(self)

    def getinfo(self, _: int) -> str:
        return "libmsodbcsql-18.so"

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class Cursor:
    rowcount = 1
    description = None

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.rows: list[Row] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> "Cursor":
        rows = [rows for part, rows in self.driver.rows.items() if part in sql]
        self.rows = list(rows[0]) if rows else []
        self.driver.statements.append(sql)
        return self

    def fetchone(self) -> Row | None:
        return self.rows.pop(0) if self.rows else None

    def fetchmany(self, _: int) -> list[Row]:
        return self.fetchall()

    def fetchall(self) -> list[Row]:
        rows, self.rows = self.rows, []
        return rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None: ...

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *exception: object) -> None: ...


@contextmanager
def fake_sql_server(rows: Rows) -> Iterator[tuple[BaseDatabaseWrapper, list[str]]]:
    """Make mssql-django the default database; yield it and the statements that it sends."""
    from mssql.base import DatabaseWrapper  # noqa: PLC0415  needs unixODBC

    default = connections["default"]
    driver = Driver(rows)
    wrapper = DatabaseWrapper({**default.settings_dict, **settings_of(URL)}, "default")
    wrapper.get_new_connection = lambda _: driver
    connections["default"] = wrapper
    try:
        wrapper.ensure_connection()
        driver.statements.clear()
        yield wrapper, driver.statements
    finally:
        connections["default"] = default


def settings_of(url: str) -> dict[str, Any]:
    """Return the database settings for a URL, with time-outs of 5 and 10 seconds."""
    dj_database_url.register("mssql", "mssql")
    return sql_server({**dj_database_url.parse(url)}, timedelta(seconds=5), timedelta(seconds=10))
