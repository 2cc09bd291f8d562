"""Rows to fill SQLite databases with."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

# A table in use for three months: most items are done, few are new. 3 of 10 have one reference.
FILL_QUEUES = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :rows)
INSERT INTO Queues
    (id, queue_name, status, data, reference, created_date, start_date, end_date, created_by)
SELECT
    lower(hex(randomblob(16))),
    'Queue ' || (n % 7),
    CASE WHEN n > :rows * 0.999 THEN 'NEW' WHEN n % 50 = 0 THEN 'FAILED' ELSE 'DONE' END,
    '{"case_id": "ABC' || n || '", "reference_id": "XYZ-001"}',
    CASE WHEN n % 10 < 3 THEN 'Batch' ELSE 'Reference-' || n END,
    datetime(:first, printf('+%d seconds', n * :seconds / :rows)) || '.000000',
    CASE WHEN n > :rows * 0.999 THEN NULL
         ELSE datetime(:first, printf('+%d seconds', n * :seconds / :rows + 60)) || '.000000' END,
    CASE WHEN n > :rows * 0.999 THEN NULL
         ELSE datetime(:first, printf('+%d seconds', n * :seconds / :rows + 90)) || '.000000' END,
    'MySystem'
FROM numbers
"""

# Of the networks 10.0.0.0, 10.0.0.1, and so on.
FILL_BANS = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :rows)
INSERT INTO security_bannedip (network, reason, created, expires, attempts)
SELECT '10.' || (n >> 16) || '.' || (n >> 8 & 255) || '.' || (n & 255),
       '5 failed attempts', datetime('now'), datetime('now', '+1 day'), 5
FROM numbers
"""

DAYS = timedelta(days=90)


def execute(path: Path, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
    """Execute a statement on this file, and commit; return the rows."""
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.execute("PRAGMA cache_size=-500000")  # 500 MB, for filling
        return connection.execute(statement, values or {}).fetchall()


def fill_queues(path: Path, rows: int) -> None:
    first, seconds = f"{datetime.now() - DAYS:%Y-%m-%d %H:%M:%S}", DAYS.total_seconds()
    if rows:
        execute(path, FILL_QUEUES, {"rows": rows, "first": first, "seconds": seconds})
        os.sync()  # so that no writes remain during the measurements


def fill_bans(path: Path, rows: int) -> None:
    if rows:
        execute(path, FILL_BANS, {"rows": rows})


def count_items(path: Path) -> int:
    return int(execute(path, "SELECT count(*) FROM Queues")[0][0])
