"""OpenOrchestrator's own code, for the tests that let it work beside us."""

import json
import os
import subprocess
import venv
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from django.conf import settings
from django.db import connection

VERSION = "3.0.0"


@pytest.fixture(scope="session")
def its_python(pytestconfig) -> Path:
    """A Python that has OpenOrchestrator, whose pins fight ours; made once and kept."""
    folder = pytestconfig.cache.mkdir(f"openorchestrator-{VERSION}")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "-q", f"openorchestrator=={VERSION}"]
        subprocess.run(install, check=True)
        done.touch()
    return python


def sqlalchemy_url() -> str:
    """The test database for SQLAlchemy, which reaches SQL Server by an ODBC driver."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    import pyodbc  # noqa: PLC0415  needs unixODBC

    driver = database["OPTIONS"].get("driver", "ODBC Driver 18 for SQL Server")
    if driver not in pyodbc.drivers():
        pytest.skip(f"OpenOrchestrator needs the ODBC driver {driver}")
    database = {**database, "OPTIONS": {**database["OPTIONS"], "python_driver": "pyodbc"}}
    text = connection._build_connection_string(database, driver)
    # Once for the URL, and once more because SQLAlchemy's connector unquotes it again.
    return f"mssql+pyodbc:///?odbc_connect={quote_plus(quote_plus(text))}"


@pytest.fixture
def orchestrator(its_python):
    """Runs code of OpenOrchestrator's on the test database, or on another file."""

    def run(code: str, database: Path | None = None):
        script = settings.BASE_DIR / "queueapi" / "tests" / "openorchestrator.py"
        url = f"sqlite:///{database}" if database else sqlalchemy_url()
        result = subprocess.run(
            [its_python, script, url],
            input=code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
