"""The scripts for IIS and docs/deploy-iis.md: their agreement with the code."""

import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import tree_sitter_pwsh
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from tree_sitter import Language, Node, Parser

from queueapi.server.waitress import SHUTDOWN_SECONDS
from queueapi.tests.test_web_config import PLATFORM, duration

SCRIPTS = sorted((settings.BASE_DIR / "deploy").glob("*.ps1"))
INSTALL = (settings.BASE_DIR / "deploy" / "install-iis.ps1").read_text("ascii")
PAGE = (settings.BASE_DIR / "docs" / "deploy-iis.md").read_text("utf-8")
GRANTS = {
    table: set(verbs.split(", "))
    for verbs, table in re.findall(
        r"^GRANT ([A-Z, ]+) ON \[dbo\]\.\[(\w+)\] TO \[queueapi_service\];$", PAGE, re.MULTILINE
    )
}


def syntax_errors(node: Node) -> list[Node]:
    """Return the nodes of the syntax tree that are errors."""
    below = [error for child in node.children for error in syntax_errors(child)]
    return [node, *below] if node.is_error or node.is_missing else below


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_parses(script: Path) -> None:
    tree = Parser(Language(tree_sitter_pwsh.language())).parse(script.read_bytes())
    assert [node.start_point for node in syntax_errors(tree.root_node)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_ascii(script: Path) -> None:
    # Windows PowerShell 5.1 reads anything else in the ANSI code page of the machine.
    assert script.read_bytes().isascii()


def test_the_shutdown_limit_is_longer_than_the_longest_request() -> None:
    limit = re.search(r"\$ShutdownLimit = \[TimeSpan\] '([0-9:]+)'", INSTALL)
    assert limit
    longest = duration(PLATFORM.get("requestTimeout")) + timedelta(seconds=SHUTDOWN_SECONDS)
    assert duration(limit[1]) > longest


def test_settings_that_the_script_fills_in_are_in_the_example() -> None:
    example = (settings.BASE_DIR / ".env.example").read_text("utf-8")
    for name in re.findall(r"'\(\?m\)\^(\w+)=", INSTALL):
        assert len(re.findall(rf"(?m)^{name}=", example)) == 1


def test_paths_that_the_script_fills_in_are_in_web_config() -> None:
    assert PLATFORM.get("stdoutLogFile")
    variable = "environmentVariables/environmentVariable[@name='ENV_FILE']"
    assert variable in INSTALL
    assert isinstance(PLATFORM.find(variable), ET.Element)


def test_no_query_is_in_the_log_of_iis() -> None:
    fields = re.search(r"\$fields = '([A-Za-z0-9,]+)'", INSTALL)
    assert fields
    assert {"ClientIP", "UriStem", "HttpStatus"} <= set(fields[1].split(","))
    assert not {"UriQuery", "Referer", "Cookie"} & set(fields[1].split(","))


def test_the_script_sets_the_number_of_processes_for_iis_and_for_the_process() -> None:
    default = re.search(r"\$Processes = (\d+)", INSTALL)
    assert default
    assert PLATFORM.get("processesPerApplication") == default[1] == str(settings.WEB_PROCESSES)
    assert "$platform.SetAttribute('processesPerApplication', $Processes)" in INSTALL
    assert "$variable.SetAttribute('name', 'WEB_PROCESSES')" in INSTALL


@pytest.mark.parametrize(
    ("line", "is_set"),
    [
        ("CACHE_URL=redis://127.0.0.1:6379", True),
        (" CACHE_URL = redis://127.0.0.1:6379", True),
        ("# CACHE_URL=redis://:password@127.0.0.1:6379", False),
        ("CACHE_URL=", False),
        ("CACHE_URL= # none", False),
    ],
)
def test_the_script_finds_cache_url_in_the_environment_file(line: str, is_set: bool) -> None:
    pattern = re.search(r"-Path \$EnvFile -Pattern '(.*)'", INSTALL)
    assert pattern
    assert bool(re.search(pattern[1], f"SECRET_KEY=x\n{line}\n", re.MULTILINE)) == is_set


def test_commands_of_scheduled_maintenance_exist() -> None:
    maintenance = (settings.BASE_DIR / "deploy" / "maintenance.ps1").read_text("ascii")
    lists = re.findall(r"\$commands = @\((.+)\)", maintenance)
    commands = set(re.findall(r"'(\w+)'", " ".join(lists)))
    assert {"send_alerts", "clearsessions"} <= commands <= get_commands().keys()


# The service's permissions in the database.


def test_the_service_has_permissions_on_our_tables_only() -> None:
    ours = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    # createsuperuser checks that all migrations are applied.
    assert set(GRANTS) == ours | {"django_migrations"}


def test_the_service_can_read_each_of_its_tables() -> None:
    assert [table for table, verbs in GRANTS.items() if "SELECT" not in verbs] == []


@pytest.mark.parametrize(
    ("verb", "tables"),
    [
        ("UPDATE", ["django_admin_log", "auth_permission", "django_content_type"]),
        ("DELETE", ["django_admin_log", "auth_user", "security_client", "security_apikey"]),
        ("INSERT", ["Triggers", "auth_permission", "django_migrations"]),
    ],
)
def test_the_service_has_no_unused_permission(verb: str, tables: list[str]) -> None:
    assert [table for table in tables if verb in GRANTS[table]] == []


def test_the_page_names_only_parameters_of_the_script() -> None:
    has = set(re.findall(r"^    \[\w+\] \$(\w+)", INSTALL, re.MULTILINE))
    named = set(
        re.findall(r"[ `(]-((?:Host|Cert|Service|Pack|Migr|Skip|Adopt|Data|Site)\w+)", PAGE)
    )
    assert named
    assert named <= has
