"""Database settings for mssql-django, from a database URL that begins with `mssql://`."""

import math
import re
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured

DRIVERS = ("mssql_python", "pyodbc")
# A name of a connection parameter. No other character may begin a further parameter.
PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_ -]*")
# Names of Microsoft's ODBC drivers. An empty one selects mssql-django's default, one of these.
MICROSOFT = re.compile(
    r"(\{?(ODBC Driver .* for SQL Server|SQL Server Native Client.*)\}?)?", re.IGNORECASE
)


def sql_server(
    database: dict[str, Any], connection_timeout: timedelta, query_timeout: timedelta
) -> dict[str, Any]:
    """Return the settings for a database URL read by `dj_database_url`.

    `python_driver` and `driver` in the URL's query choose the driver; all others are parameters of
    the connection, such as `Encrypt` or `TrustServerCertificate`. Their names may be in any case.

    Raises `ImproperlyConfigured` if the database's name is missing, the driver is unknown, or a
    parameter's name is invalid or repeated.
    """
    if not database["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL has to end in the database's name.")
    given: dict[str, str] = {}
    for name, value in database.get("OPTIONS", {}).items():
        if not PARAMETER.fullmatch(name):
            raise ImproperlyConfigured(f"DATABASE_URL has an invalid parameter name {name!r}.")
        if name.lower() in given:
            raise ImproperlyConfigured(f"DATABASE_URL has the parameter {name} twice.")
        given[name.lower()] = str(value)
    # mssql-python is complete in pip; pyodbc needs Microsoft's ODBC driver on the machine.
    python_driver = given.pop("python_driver", DRIVERS[0])
    if python_driver not in DRIVERS:
        raise ImproperlyConfigured(
            "python_driver in DATABASE_URL has to be mssql_python or pyodbc."
        )
    options: dict[str, Any] = {
        "python_driver": python_driver,
        # Both are unlimited by default. Whole seconds.
        "connection_timeout": math.ceil(connection_timeout.total_seconds()),
        "query_timeout": math.ceil(query_timeout.total_seconds()),
        # By default mssql-django retries five times, and sleeps in between, inside the request.
        "connection_retries": 0,
        # For FreeTDS: HOST is a host name, not a section of freetds.conf.
        "host_is_server": True,
    }
    driver = given.pop("driver", "")
    parameters = {"encrypt": "yes"}
    if python_driver == "pyodbc":
        if driver:
            options["driver"] = driver
        # On Windows, mssql-django would turn it on, and read results in another way.
        parameters["mars_connection"] = "no"
        if not MICROSOFT.fullmatch(driver):
            parameters["encryption"] = "require"  # FreeTDS ignores Encrypt
    options["extra_params"] = ";".join(
        f"{name}={_escape(value)}" for name, value in sorted((parameters | given).items())
    )
    return {**database, "OPTIONS": options}


def _escape(value: str) -> str:
    """Put a value that has special characters in braces ([MS-ODBCSTR])."""
    if not re.search(r"[;{}=]", value):
        return value
    return "{" + value.replace("}", "}}") + "}"
