"""Rows to fill SQLite databases with."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

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

FILL_BANS = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :rows)
INSERT INTO security_bannedip (network, reason, created, expires, attempts)
SELECT '10.' || (n >> 16) || '.' || (n >> 8 & 255) || '.' || (n & 255),
       '5 failed attempts', datetime('now'), datetime('now', '+1 day'), 5
FROM numbers
"""

DAYS = timedelta(days=90)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=30)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def fill_queues(path: Path, rows: int) -> None:
    if rows:
        with opened(path) as connection:
            connection.execute("PRAGMA cache_size=-500000")  # 500 MB, for this statement only
            values = {
                "rows": rows,
                "first": f"{datetime.now() - DAYS:%Y-%m-%d %H:%M:%S}",
                "seconds": DAYS.total_seconds(),
            }
            connection.execute(FILL_QUEUES, values)
        os.sync()  # so that no writes remain during the measurements


def fill_bans(path: Path, rows: int) -> None:
    if rows:
        with opened(path) as connection:
            connection.execute(FILL_BANS, {"rows": rows})


def count_items(path: Path) -> int:
    with opened(path) as connection:
        number: int = connection.execute("SELECT count(*) FROM Queues").fetchone()[0]
    return number
