"""Locks on a database, which the system releases when the process ends."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

# The last parameter is the time to wait in ms. The result is negative if another session has the
# lock.
APP_LOCK = (
    "SET NOCOUNT ON; DECLARE @r int; "
    "EXEC @r = sp_getapplock 'queueapi', 'Exclusive', 'Session', 0; "
    "SELECT @r; SET NOCOUNT OFF"
)


def lock_file(connection: Any) -> IO[bytes]:
    """Open the lock file of an SQLite database, or a temporary file for any other database."""
    path = Path(f"{connection.settings_dict['NAME']}.lock")
    is_file = connection.vendor == "sqlite" and not connection.is_in_memory_db()
    # Without write permission, continue: connecting will fail with an explanation.
    is_writable = os.access(path if path.exists() else path.parent, os.W_OK)
    return path.open("ab") if is_file and is_writable else TemporaryFile()


def acquire_app_lock(connection: Any) -> bool:
    """Acquire SQL Server's application lock until the connection closes; `False` if it is taken."""
    with connection.cursor() as cursor:
        cursor.execute(APP_LOCK)
        return int(cursor.fetchone()[0]) >= 0
