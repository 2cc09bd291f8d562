"""mssql-django without a server: its compiler is real, and only the driver's connection is not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
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

# What a server says of itself, by a part of the question.
ANSWERS: dict[str, Sequence[tuple[Any, ...]]] = {
    "SERVERPROPERTY": [("16.0.4085.2", 3)],  # SQL Server 2022
    "@@TRANCOUNT": [(1,)],
    "SYSDATETIME": [(datetime(2026, 1, 1),)],
}


class Driver:
    """A connection of a driver that writes down what it is told to execute."""

    autocommit = True
    timeout = 0

    def __init__(self, answers: dict[str, Sequence[tuple[Any, ...]]]) -> None:
        self.answers = {**ANSWERS, **answers}
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
        self.rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> "Cursor":
        rows = [rows for part, rows in self.driver.answers.items() if part in sql]
        self.rows = list(rows[0]) if rows else []
        self.driver.statements.append(sql)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows.pop(0) if self.rows else None

    def fetchmany(self, _: int) -> list[tuple[Any, ...]]:
        return self.fetchall()

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self.rows = self.rows, []
        return rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None: ...

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *exception: object) -> None: ...


@contextmanager
def without_a_server(
    answers: dict[str, Sequence[tuple[Any, ...]]],
) -> Iterator[tuple[BaseDatabaseWrapper, list[str]]]:
    """mssql-django as the default database, and what it sends, as it grows."""
    from mssql.base import DatabaseWrapper  # noqa: PLC0415  needs unixODBC

    dj_database_url.register("mssql", "mssql")
    database = sql_server(dj_database_url.parse(URL), connection_timeout=5, query_timeout=10)
    ours = connections["default"]
    driver = Driver(answers)
    wrapper = DatabaseWrapper({**ours.settings_dict, **database}, "default")
    wrapper.get_new_connection = lambda _: driver
    connections["default"] = wrapper
    try:
        wrapper.ensure_connection()
        driver.statements.clear()
        yield wrapper, driver.statements
    finally:
        connections["default"] = ours
