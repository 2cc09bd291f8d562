"""Writes that are worth a second try when the database gives them up."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, connection

Result = TypeVar("Result")

# Tries, the first included, of a statement that SQL Server chose as the victim of a deadlock.
TRIES = 3
# Seconds of a wait, at most, times the number of the try: two that met should not meet again.
PAUSE = 0.1


def retry_on_deadlock(write: Callable[[], Result]) -> Result:
    """What `write` returns, which is called again if a deadlock undid it.

    Not inside of a transaction: a deadlock undoes all of it, so all of it would have to be
    repeated.
    """
    for tries in range(1, TRIES):
        try:
            return write()
        except Error as error:
            if connection.in_atomic_block or not is_deadlock(error):
                raise
        time.sleep(random.uniform(0, PAUSE) * tries)  # noqa: S311  no secret
    return write()


def is_deadlock(error: Error) -> bool:
    """Whether it is SQL Server's error 1205, SQLSTATE 40001.

    pyodbc gives the SQLSTATE and then a text with the number, of which FreeTDS has only the latter
    right; mssql-python gives the SQLSTATE in words.
    """
    text = " ".join(map(str, error.args))
    return text.startswith(("40001", "Driver Error: Serialization failure")) or " (1205) (" in text


def ensure_connection() -> None:
    """Have a connection that works; what fails here has sent nothing."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()


def connection_is_lost() -> bool:
    """Whether the connection broke in a write that just failed. The next one gets a new one.

    Nobody knows then whether the write was done. Inside of a transaction it was not, and it is
    for whoever began that to repeat it.
    """
    if connection.in_atomic_block:
        return False
    connection.close_if_unusable_or_obsolete()
    return connection.connection is None
