"""manage.py on an SQLite file, without a process of its own."""

import os
import runpy
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import ManagementUtility
from django.db import connections
from django.db.utils import ConnectionHandler


def manage(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py on this database, in the process of the tests."""
    command = ["manage.py", *arguments]
    code: object = 0
    with (
        default_database(url),
        redirect_stdout(StringIO()) as stdout,
        redirect_stderr(StringIO()) as stderr,
    ):
        try:
            ManagementUtility(command).fetch_command(arguments[0]).run_from_argv(command)
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, stdout.getvalue(), stderr.getvalue())


@contextmanager
def default_database(url: str) -> Iterator[None]:
    """Make this the default database, with the settings that it has in a process of its own."""
    with patch.dict(os.environ, DATABASE_URL=url):
        loaded = runpy.run_path(str(settings.BASE_DIR / "queueapi" / "settings.py"))
    default = connections["default"]
    connections["default"] = ConnectionHandler(loaded["DATABASES"])["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = default
        ContentType.objects.clear_cache()  # its ids are the other database's
