"""`manage.py migrate`: Django's command under a lock, so that concurrent ones wait."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from time import sleep
from typing import IO, Any

from django.core.files import locks
from django.core.management.commands import migrate
from django.db import connections

# The last parameter is the time to wait in ms. The result is negative if another session has the
# lock.
APP_LOCK = (
    "SET NOCOUNT ON; DECLARE @r int; "
    "EXEC @r = sp_getapplock 'queueapi', 'Exclusive', 'Session', 0; "
    "SELECT @r; SET NOCOUNT OFF"
)


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # Before the checks, which connect: creating an SQLite file twice at the same time fails.
        with lock_file(connections[options["database"]]) as file:
            self.wait_for(lambda: locks.lock(file, locks.LOCK_EX | locks.LOCK_NB))
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "microsoft":
            # After the checks, which explain a failed connection.
            self.wait_for(lambda: acquire_app_lock(connection))
        super().handle(*args, **options)

    def wait_for(self, acquire: Callable[[], bool]) -> None:
        if not acquire():
            self.stderr.write("Another migrate is running on this database; waiting for its end.")
            while not acquire():
                sleep(1)


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
