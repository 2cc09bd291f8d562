"""Retries of writes after a deadlock, and what a write needs to know of its connection."""

import random
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from django.db import Error, connection

Result = TypeVar("Result")

TRIES = 3
# Seconds, multiplied by the number of the try. Random waits keep two writers from meeting again.
MAX_PAUSE = 0.1

last_use = threading.local()  # its `time`: of the last `ensure_connection()`, by `monotonic()`


def retry_on_deadlock(write: Callable[[], Result]) -> Result:
    """Call `write` until no deadlock ends it, at most `TRIES` times, and return its result.

    Inside a transaction it is called once: a deadlock rolls all of the transaction back.
    """
    for tries in range(1, TRIES):
        try:
            return write()
        except Error as error:
            if connection.in_atomic_block or not is_deadlock(error):
                raise
        sleep(random.uniform(0, MAX_PAUSE) * tries)  # noqa: S311  no secret
    return write()


def is_deadlock(error: Error) -> bool:
    """Return whether it is SQL Server's error 1205 (SQLSTATE 40001).

    pyodbc gives the SQLSTATE and a text with the number, of which FreeTDS has only the number
    right; mssql-python gives the SQLSTATE in words.
    """
    text = " ".join(map(str, error.args))
    return text.startswith(("40001", "Driver Error: Serialization failure")) or " (1205) (" in text


def is_timeout(error: Error) -> bool:
    """Return whether a statement waited for too long: SQLSTATE HYT00, or SQLite's lock."""
    text = " ".join(map(str, error.args))
    return text.startswith(("HYT00", "Driver Error: Timeout expired", "database is locked"))


def ensure_connection(max_idle: float = 0) -> object:
    """Return the driver's connection, a new one if it is lost or absent.

    Check it with a query, unless this thread called this less than `max_idle` seconds ago: the
    write must then survive a lost connection. An error here comes before any write.
    """
    now = monotonic()
    if now - getattr(last_use, "time", 0) < max_idle:
        connection.health_check_done = True  # type: ignore[attr-defined]  # missing in the stubs
    last_use.time = now
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return connection.connection


def connection_is_lost(before: object) -> bool:
    """Return whether a failed write broke the connection that `ensure_connection()` returned.

    If so, the next statement reconnects, unless `atomic()` did so after a failed COMMIT. It is
    unknown then whether the write was committed. Inside a transaction it was not, so this is false,
    and the owner of the transaction may repeat it.
    """
    if connection.in_atomic_block:
        return False
    # Without `errors_occurred`, which a rollback clears.
    if connection.connection is before and not connection.is_usable():
        connection.close()
    return connection.connection is not before
