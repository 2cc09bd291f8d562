"""`manage.py migrate`: Django's command under a lock, so that concurrent ones wait."""

from collections.abc import Callable
from time import sleep
from typing import Any

from django.core.files import locks
from django.core.management.commands import migrate
from django.db import connections

from queueapi.database.locks import acquire_app_lock, lock_file


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
            self.stderr.write(
                "Another migrate or send_alerts is running on this database; waiting for its end."
            )
            while not acquire():
                sleep(1)
