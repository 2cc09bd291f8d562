#!/usr/bin/env python
"""Django's command line for this project."""

import io
import os
import platform
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError

import queueapi


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "queueapi.settings")
    os.umask(0o077)  # only this account can read an SQLite database
    if isinstance(sys.stdout, io.TextIOWrapper):
        # On Windows, a pipe's code page may lack characters of names.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.argv[1:] in (["version"], ["--version"]):  # Django prints its own, before any command
        sys.stdout.write(
            f"Queue API {queueapi.__version__} "
            f"(Django {django.__version__}, Python {platform.python_version()})\n"
        )
        return
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # One sentence for the operator instead of a traceback.
        sys.exit(f"manage.py: {error}")
    except (OperationalError, InterfaceError) as error:
        # Usually it is down, locked or has no tables yet.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"manage.py: the database failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
