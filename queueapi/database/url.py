"""From a `mssql://` address to settings of mssql-django."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

DRIVERS = ("mssql_python", "pyodbc")
# What the name of a connection parameter looks like; nothing that could begin another one.
PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_ -]*")
# Names of Microsoft's own ODBC drivers; no name is mssql-django's default, one of them.
MICROSOFT = re.compile(
    r"(\{?(ODBC Driver .* for SQL Server|SQL Server Native Client.*)\}?)?", re.IGNORECASE
)


def sql_server(
    database: dict[str, Any], connection_timeout: int, query_timeout: int
) -> dict[str, Any]:
    """The settings for what `dj_database_url` read, with time-outs in seconds.

    `python_driver` and `driver` in the address's query choose the driver; everything else there is
    a parameter of the connection, like `Encrypt` or `TrustServerCertificate`. Letter case does not
    matter in their names.
    Raises `ImproperlyConfigured` for an address without a database, for a wrong driver, and for a
    name that is none or comes twice.
    """
    if not database["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL has to end in the database's name.")
    given: dict[str, str] = {}
    for name, value in database.get("OPTIONS", {}).items():
        if not PARAMETER.fullmatch(name):
            raise ImproperlyConfigured(f"DATABASE_URL has a parameter {name!r}; no name is such.")
        if name.lower() in given:
            raise ImproperlyConfigured(f"DATABASE_URL has the parameter {name} twice.")
        given[name.lower()] = str(value)
    # The driver that needs nothing but pip; pyodbc wants Microsoft's ODBC driver on the machine.
    python_driver = given.pop("python_driver", DRIVERS[0])
    if python_driver not in DRIVERS:
        raise ImproperlyConfigured(
            "python_driver in DATABASE_URL has to be mssql_python or pyodbc."
        )
    options: dict[str, Any] = {
        "python_driver": python_driver,
        # Without limits a request would wait for as long as the server is away.
        "connection_timeout": connection_timeout,
        "query_timeout": query_timeout,
        # These would sleep inside a request.
        "connection_retries": 0,
        # For drivers that are not Microsoft's (FreeTDS): the address names a host, not an entry of
        # their own configuration.
        "host_is_server": True,
    }
    driver = given.pop("driver", "")
    parameters = {"encrypt": "yes"}
    if python_driver == "pyodbc":
        if driver:
            options["driver"] = driver
        # mssql-django would turn it on, on Windows, and then reads results in another way there.
        parameters["mars_connection"] = "no"
        if not MICROSOFT.fullmatch(driver):
            parameters["encryption"] = "require"  # FreeTDS's word for it
    options["extra_params"] = ";".join(
        f"{name}={_escape(value)}" for name, value in sorted((parameters | given).items())
    )
    return {**database, "OPTIONS": options}


def _escape(value: str) -> str:
    """As [MS-ODBCSTR] has it: braces around what could end the value."""
    if not re.search(r"[;{}=]", value):
        return value
    return "{" + value.replace("}", "}}") + "}"
