"""A limit on the time of queries that read many rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

INSTRUCTIONS = 10_000  # of SQLite between two looks at the clock: less than a millisecond


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise OperationalError in queries that run after `DATABASE_QUERY_TIMEOUT`.

    SQL Server's driver has that time-out for each query. On SQLite it is one for all in the block.
    """
    if connection.vendor != "sqlite":
        yield
        return
    end = time.monotonic() + settings.DATABASE_QUERY_TIMEOUT.total_seconds()
    connection.ensure_connection()
    database = connection.connection
    database.set_progress_handler(lambda: time.monotonic() > end, INSTRUCTIONS)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)
