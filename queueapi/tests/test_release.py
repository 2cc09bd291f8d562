"""The version, and the checks and the release of dev.py."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

import dev
from queueapi import __version__
from queueapi.tests.helpers import SignIn

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="no Git on this machine")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A Git checkout of the project as it is now, with everything committed."""
    folder = tmp_path / "checkout"
    leave_out = shutil.ignore_patterns(
        ".*cache", ".git", ".venv", ".dev", ".hypothesis", "__pycache__", "dist", "results"
    )
    shutil.copytree(settings.BASE_DIR, folder, ignore=leave_out)
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    for command in (["init"], ["add", "."], [*identity, "commit", "-m", "Everything"]):
        subprocess.run(["git", *command], cwd=folder, capture_output=True, check=True)
    return folder


@pytest.fixture
def released(checkout: Path, tmp_path: Path) -> Path:
    """The folder of an unpacked release."""
    result = run(checkout, "dev.py", "release")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / __version__
    with ZipFile(checkout / "dist" / f"queue-api-{__version__}.zip") as archive:
        archive.extractall(folder)
    return folder


@needs_git
def test_a_release_has_what_an_installation_needs(released: Path) -> None:
    for name in ("manage.py", "web.config", "requirements.txt", ".env.example", "CHANGELOG.md"):
        assert (released / name).is_file()
    for name in ("deploy/install-iis.ps1", "deploy/smoke_test.py", "docs/deploy-iis.md"):
        assert (released / name).is_file()
    result = run(released, "manage.py", "check")
    assert result.returncode == 0, result.stderr


@needs_git
def test_a_release_has_no_tests(released: Path) -> None:
    assert list(released.rglob("tests")) == []
    assert list(released.rglob("conftest.py")) == []


@needs_git
def test_a_release_is_the_same_in_another_time_zone(checkout: Path) -> None:
    here, there = (run(checkout, "dev.py", "release", TZ=zone) for zone in ("UTC0", "JST-9"))
    archive = next((checkout / "dist").iterdir())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert here.stdout == there.stdout == f"{digest}  {archive.relative_to(checkout)}\n"


@needs_git
def test_a_release_refuses_uncommitted_changes(checkout: Path) -> None:
    (checkout / "new.py").touch()
    result = run(checkout, "dev.py", "release")
    assert result.returncode == 1
    assert "uncommitted changes" in result.stderr
    assert not (checkout / "dist").exists()


def test_the_changelog_has_a_section_of_this_version() -> None:
    changelog = (settings.BASE_DIR / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(__version__)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)


# manage.py and the admin


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_manage_py_shows_the_version_without_settings(argument: str) -> None:
    result = run(settings.BASE_DIR, "manage.py", argument, SECRET_KEY="", DATABASE_URL="")
    assert result.stdout.startswith(f"Queue API {__version__} (Django ")


def test_the_admin_shows_the_version_to_staff(sign_in: SignIn) -> None:
    assert f"Queue API {__version__}" in sign_in().get(reverse("admin:index")).text


def test_the_login_page_does_not_show_the_version(client: Client, db: None) -> None:
    response = client.get(reverse("admin:login"))
    assert __version__ not in response.text
    assert __version__ not in str(response.headers)


# dev.py check


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Set the checks. They run in the environment of this test."""
    monkeypatch.setattr(dev, "VENV", Path(sys.prefix))
    monkeypatch.setattr(dev, "STATE", tmp_path)
    umask = os.umask(0o077)  # dev.py changes it
    yield lambda *commands: monkeypatch.setattr(dev, "CHECKS", commands)
    os.umask(umask)


def test_a_check_runs_with_settings_of_production(checks: Callable[..., None]) -> None:
    checks("python manage.py check --deploy")
    dev.check()


def test_all_checks_run_and_those_that_fail_are_named(
    checks: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    checks("python -c fail", "python -c print('second')", "python -c 1/0")
    with pytest.raises(SystemExit) as error:
        dev.check()
    assert str(error.value).split("\n")[-2:] == ["python -c fail", "python -c 1/0"]
    assert "second" in capfd.readouterr().out


def test_pre_commit_has_the_ruff_of_the_checks() -> None:
    requirements, hooks = (
        (settings.BASE_DIR / name).read_text()
        for name in ("requirements-dev.txt", ".pre-commit-config.yaml")
    )
    [version] = re.findall(r"^ruff==(\S+)", requirements, re.MULTILINE)
    assert f"rev: v{version} " in hooks
