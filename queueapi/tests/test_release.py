"""The version of the project, and the checks of dev.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

import dev
from queueapi import __version__


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_manage_py_shows_the_version_without_settings(argument):
    result = run(settings.BASE_DIR, "manage.py", argument, SECRET_KEY="", DATABASE_URL="")
    assert result.stdout.startswith(f"Queue API {__version__} (Django ")


def test_the_admin_shows_the_version_to_staff(sign_in):
    assert f"Queue API {__version__}" in sign_in().get(reverse("admin:index")).text


def test_the_login_page_does_not_show_the_version(client, db):
    response = client.get(reverse("admin:login"))
    assert __version__ not in response.text
    assert __version__ not in str(response.headers)


# dev.py check


@pytest.fixture
def checks(monkeypatch, tmp_path):
    """Set the checks. They run in the environment of this test."""
    monkeypatch.setattr(dev, "VENV", Path(sys.prefix))
    monkeypatch.setattr(dev, "STATE", tmp_path)
    umask = os.umask(0o077)  # dev.py changes it
    yield lambda *commands: monkeypatch.setattr(dev, "CHECKS", commands)
    os.umask(umask)


def test_a_check_runs_with_settings_of_production(checks):
    checks("python manage.py check --deploy --fail-level WARNING")
    dev.check()


def test_all_checks_run_and_those_that_fail_are_named(checks, capfd):
    checks("python -c fail", "python -c print('second')", "python -c 1/0")
    with pytest.raises(SystemExit) as error:
        dev.check()
    assert str(error.value).split("\n")[-2:] == ["python -c fail", "python -c 1/0"]
    assert "second" in capfd.readouterr().out
