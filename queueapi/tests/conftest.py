"""OpenOrchestrator's own code, for the tests that let it work beside us."""

import json
import os
import subprocess
import venv
from pathlib import Path

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


@pytest.fixture
def orchestrator(its_python):
    """Runs code of OpenOrchestrator's on the test database, or on another file."""

    def run(code: str, database: Path | None = None):
        script = settings.BASE_DIR / "queueapi" / "tests" / "openorchestrator.py"
        result = subprocess.run(
            [its_python, script, str(database or connection.settings_dict["NAME"])],
            input=code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
