"""Fixtures that run OpenOrchestrator's own code on our tables."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote_plus

import pytest
from django.conf import settings
from django.core.files import locks
from django.db import connection

VERSION = "3.0.0"
# Those of its requirements that its database package imports. Left out is NiceGUI, its user
# interface, with 40 packages more.
REQUIREMENTS = ["cronsim==2.6", "cryptography==45.0.*", "pyodbc==5.2.*", "SQLAlchemy==2.0.*"]


class Orchestrator(Protocol):
    """Run code of OpenOrchestrator's on the test database, or on an SQLite file.

    Returns the value that the code leaves in `answer`.
    """

    def __call__(self, code: str, database: Path | None = None) -> Any: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "orchestrator_python" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.network)


@pytest.fixture(scope="session")
def orchestrator_python(pytestconfig: pytest.Config) -> Path:
    """Return a Python that has OpenOrchestrator, whose requirements conflict with ours.

    It is installed once, by one of the processes that run the tests, and kept.
    """
    folder = pytestconfig.rootpath / ".pytest_cache" / "d" / f"openorchestrator-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = folder / "installed"
    with (folder / "lock").open("w") as lock:
        locks.lock(lock, locks.LOCK_EX)
        if not installed.exists():
            venv.create(folder)
            install(python, "--no-deps", f"openorchestrator=={VERSION}")
            install(python, *REQUIREMENTS)
            installed.touch()
    return python


def install(python: Path, *arguments: str) -> None:
    """Install packages with this environment's pip; skip the test if there is no network."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    result = subprocess.run(
        [*pip, "--retries", "1", *arguments], capture_output=True, text=True, check=False
    )
    if "connection broken by" in result.stderr:
        pytest.skip("OpenOrchestrator can't be installed: there is no network")
    assert result.returncode == 0, result.stderr


def sqlalchemy_url() -> str:
    """Return the URL of the test database for SQLAlchemy, which needs ODBC for SQL Server."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    import pyodbc  # noqa: PLC0415  needs unixODBC

    driver = database["OPTIONS"].get("driver", "ODBC Driver 18 for SQL Server")
    if driver not in pyodbc.drivers():
        pytest.skip(f"OpenOrchestrator needs the ODBC driver {driver}")
    database = {**database, "OPTIONS": {**database["OPTIONS"], "python_driver": "pyodbc"}}
    text = connection._build_connection_string(database, driver)  # type: ignore[attr-defined]  # mssql-django's
    # Once for the URL, and once more because SQLAlchemy's connector unquotes it again.
    return f"mssql+pyodbc:///?odbc_connect={quote_plus(quote_plus(text))}"


@pytest.fixture(scope="session")
def orchestrator(orchestrator_python: Path) -> Orchestrator:
    """Return a function that runs code of OpenOrchestrator's."""

    def run(code: str, database: Path | None = None) -> Any:
        script = settings.BASE_DIR / "queueapi" / "tests" / "openorchestrator.py"
        url = f"sqlite:///{database}" if database else sqlalchemy_url()
        result = subprocess.run(
            [orchestrator_python, script, url],
            input=code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
