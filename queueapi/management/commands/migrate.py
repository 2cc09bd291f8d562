"""`manage.py migrate`: Django's, one at a time on a database."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from time import sleep
from typing import IO, Any

from django.core.files import locks
from django.core.management.commands import migrate
from django.db import connections

# The last parameter is the time to wait. The answer is negative if another session has the lock.
LOCK = (
    "SET NOCOUNT ON; DECLARE @r int; "
    "EXEC @r = sp_getapplock 'queueapi', 'Exclusive', 'Session', 0; "
    "SELECT @r; SET NOCOUNT OFF"
)


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # Before the checks, which connect: two that make the same SQLite file fail.
        with lock_file(connections[options["database"]]) as file:
            self.wait_for(lambda: locks.lock(file, locks.LOCK_EX | locks.LOCK_NB))
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "microsoft":
            # After the checks, which say why it can't be reached.
            self.wait_for(lambda: has_app_lock(connection))
        super().handle(*args, **options)

    def wait_for(self, take: Callable[[], bool]) -> None:
        if not take():
            self.stderr.write("Another migrate is at work on this database; waiting for it to end.")
            while not take():
                sleep(1)


def lock_file(connection: Any) -> IO[bytes]:
    """Open the lock file of an SQLite database; for any other, a temporary file."""
    path = Path(f"{connection.settings_dict['NAME']}.lock")
    is_file = connection.vendor == "sqlite" and not connection.is_in_memory_db()
    # In a folder that can't be written, connecting fails and says why.
    may_write = os.access(path if path.exists() else path.parent, os.W_OK)
    return path.open("ab") if is_file and may_write else TemporaryFile()


def has_app_lock(connection: Any) -> bool:
    """Take SQL Server's lock if it is free; it ends with the connection."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        return int(cursor.fetchone()[0]) >= 0
