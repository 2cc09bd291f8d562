"""The version of the project, and where it is shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

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
