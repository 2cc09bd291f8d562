"""docs/integrating.md: its examples, run as they are, and its agreement with the code."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tree_sitter_pwsh
import yaml
from django.conf import settings
from tree_sitter import Language, Parser

from queueapi.api.limits import READ, Limit
from queueapi.tests.helpers import TIMEOUT, Api, ClientResponse, Serve, Server
from queueapi.tests.test_deploy_iis import syntax_errors
from queues.models import MOST_RETURNED, QueueItem
from queues.serializers import QueueItemBulkSerializer, QueueItemSerializer
from queues.views import QueueItemBulkViewSet, QueueItemViewSet
from security.idempotency import VALUE
from security.management.commands.rotate_api_key import Command as RotateCommand
from security.models import ApiKey, Client
from security.models.api_keys import EXPIRES_SOON
from triggers.models import SingleTrigger, Trigger
from triggers.serializers import TriggerNameSerializer
from triggers.tests.helpers import single
from triggers.views import TriggerViewSet

PAGE = (settings.BASE_DIR / "docs" / "integrating.md").read_text("utf-8")
SENTENCES = " ".join(PAGE.split())
README = (settings.BASE_DIR / "README.md").read_text("utf-8")
HEADING_OR_BLOCK = re.compile(
    r"^(?:#+ (?P<section>[^\n]+)|```(?P<language>\w+)\n(?P<code>.*?)^```)$",
    re.MULTILINE | re.DOTALL,
)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d)?")


class Block(NamedTuple):
    """A fenced block of the page."""

    section: str
    language: str
    code: str


def read_blocks() -> list[Block]:
    blocks = []
    section = ""
    for match in HEADING_OR_BLOCK.finditer(PAGE):
        section = match["section"] or section
        if match["language"]:
            blocks.append(Block(section, match["language"], match["code"]))
    return blocks


def blocks_of(language: str, section: str = "") -> list[Block]:
    """Return the blocks in this language, of one section or of all."""
    return [
        block
        for block in read_blocks()
        if block.language == language and section in ("", block.section)
    ]


def tables_of(section: str) -> list[list[str]]:
    """Return the cells of the rows of a section's tables, without their heads."""
    text = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    rows = [line for part in text if part.startswith(f"{section}\n") for line in part.splitlines()]
    cells = [re.split(r" *(?<!\\)\| *", row.strip("| ")) for row in rows if row.startswith("|")]
    rulers = [number for number, row in enumerate(cells) if set(row) == {"---"}]
    return [
        row for number, row in enumerate(cells) if number not in rulers and number + 1 not in rulers
    ]


def statuses_in(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\b[1-5]\d\d\b", text)}


# Each bash block, and the block after it.
BASH = [
    pytest.param(block.code, after, id=f"{number} {block.section}")
    for number, (block, after) in enumerate(pairwise(read_blocks()))
    if block.language == "bash"
]

needs_bash = pytest.mark.skipif(
    sys.platform == "win32" or not (shutil.which("bash") and shutil.which("curl")),
    reason="runs bash and curl",
)


@pytest.fixture
def environment(transactional_db: None, shared_server: Server, tmp_path: Path) -> dict[str, str]:
    """Return the variables of the examples, for an installation that has what they need."""
    key, plaintext = ApiKey.objects.issue("ERP", timedelta(days=365))
    Client.objects.filter(pk=key.client.pk).update(may_read=True)
    single(trigger_name="MyAutomationTrigger", process_status=Trigger.Status.DONE)
    data = '{"case_id": "ABC123", "name": "Mette Østergaard"}'
    item = QueueItem.objects.push(
        queue_name="SomeQueue", reference="Invoice-4711", created_by="ERP", data=data
    )
    url = f"http://127.0.0.1:{shared_server.port}"
    # Python imports the module of the page from this folder.
    (tmp_path / "queue_api.py").write_text(blocks_of("python", "Python")[0].code, "utf-8")
    variables = {"URL": url, "KEY": plaintext, "ID": str(item.pk), "PYTHONPATH": str(tmp_path)}
    return {**os.environ, **variables}


def run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run a program in the folder of the examples, and return its output."""
    result = subprocess.run(
        command,
        env=environment,
        cwd=environment["PYTHONPATH"],
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode()


def run_bash(code: str, environment: Mapping[str, str]) -> str:
    return run(["bash", "-euo", "pipefail", "-c", code], environment)


def without_ids_and_times(text: str) -> str:
    return TIME.sub("<time>", UUID.sub("<uuid>", text)).strip()


def test_each_block_is_an_output_or_tested_below() -> None:
    blocks = [block for block in read_blocks() if block.language not in ("bash", "powershell")]
    outputs = [after for block, after in pairwise(read_blocks()) if block.language == "bash"]
    assert sorted(
        f"{block.language} of {block.section}" for block in blocks if block not in outputs
    ) == [
        "json of Power Automate",
        "python of Python",
        "python of Python",
        "shell of 2. Push the first item",
        "yaml of OS2Forms",
        "yaml of OS2Forms",
    ]


# Examples that run.


@needs_bash
@pytest.mark.parametrize(("code", "after"), BASH)
def test_bash_example_prints_what_follows_it(
    environment: dict[str, str], code: str, after: Block
) -> None:
    output = without_ids_and_times(run_bash(code, environment))
    if after.language == "json":
        assert json.loads(output) == json.loads(after.code)
    elif after.language == "text":
        assert output == without_ids_and_times(after.code)


@needs_bash
def test_the_first_push_stores_one_item_even_if_it_is_repeated(environment: dict[str, str]) -> None:
    QueueItem.objects.all().delete()
    push = blocks_of("bash", "2. Push the first item")[1].code
    assert run_bash(push, environment) == run_bash(push, environment)
    item = QueueItem.objects.get()
    assert (item.queue_name, item.status, item.reference) == ("SomeQueue", "NEW", "Invoice-4711")
    assert json.loads(str(item.data)) == {"case_id": "ABC123", "name": "Mette Østergaard"}


@needs_bash
def test_polling_gets_the_item_once_and_then_304(environment: dict[str, str]) -> None:
    poll = blocks_of("bash", "4. Find the item again")[1].code
    assert run_bash(poll, environment).endswith("}200\n")
    assert run_bash(poll, environment) == "304\n"
    QueueItem.objects.update(status="DONE")
    assert '"status":"DONE"' in run_bash(poll, environment)


@needs_bash
def test_bulk_stores_its_items(environment: dict[str, str]) -> None:
    bulk, _ = blocks_of("bash", "5. Many items, and triggers")
    ids = json.loads(run_bash(bulk.code, environment))["ids"]
    references = [QueueItem.objects.get(pk=pk).reference for pk in ids]
    assert references == ["Invoice-4715", "Invoice-4716"]


@needs_bash
def test_a_trigger_with_another_status_is_not_changed(environment: dict[str, str]) -> None:
    SingleTrigger.objects.update(process_status="RUNNING")
    _, trigger = blocks_of("bash", "5. Many items, and triggers")
    assert json.loads(run_bash(trigger.code, environment))["current_status"] == "RUNNING"
    assert SingleTrigger.objects.get().process_status == "RUNNING"


def test_python_example_stores_one_item_even_if_it_is_repeated(environment: dict[str, str]) -> None:
    push = [sys.executable, "-c", blocks_of("python", "Python")[1].code]
    printed = {run(push, environment) for _ in range(2)}
    item = QueueItem.objects.get(reference="Invoice-4712")
    assert printed == {f"{item.pk}{os.linesep}"}
    assert json.loads(str(item.data)) == {"case_id": "ABC124", "name": "Mette Østergaard"}


@pytest.mark.parametrize("block", blocks_of("powershell"), ids=lambda block: block.section)
def test_powershell_example_parses(block: Block) -> None:
    tree = Parser(Language(tree_sitter_pwsh.language())).parse(block.code.encode())
    assert [node.start_point for node in syntax_errors(tree.root_node)] == []


def test_powershell_example_is_ascii() -> None:
    # Windows PowerShell 5.1 reads anything else in the ANSI code page of the machine.
    assert [block for block in blocks_of("powershell") if not block.code.isascii()] == []


# Examples of low-code: their tokens and expressions get values, and the request is sent.


def fill_in(template: Any, values: Mapping[str, str]) -> Any:
    """Replace the keys of `values` in all texts of the template, as its tool does."""
    if isinstance(template, dict):
        return {name: fill_in(value, values) for name, value in template.items()}
    if isinstance(template, str):
        for placeholder, value in values.items():
            template = template.replace(placeholder, value)
        assert "@{" not in template
        assert "[" not in template
    return template


def push(api: Api, headers: Mapping[str, str], body: Any) -> ClientResponse:
    return api.post("/api/queue", body, **{"X-API-Key": api.key, **headers})


def test_power_automate_action_pushes_once(api: Api) -> None:
    action = json.loads(blocks_of("json", "Power Automate")[0].code)
    values = {
        "@{body('Get_secret')?['value']}": api.key,
        "@{workflow()['run']['name']}": "08585123456789012345678901234CU01",
        "@{triggerBody()?['ID']}": "17",
        "@{triggerBody()?['Title']}": "Sagsnummer 4711 på Ærø",
    }
    inputs = fill_in(action["inputs"], values)
    assert inputs["method"] == "POST"
    assert inputs["uri"].endswith("/api/queue")
    assert set(inputs["headers"]) == {"Content-Type", "X-API-Key", "Idempotency-Key"}
    assert push(api, inputs["headers"], inputs["body"]).status_code == 201
    assert push(api, inputs["headers"], inputs["body"])["Idempotency-Replayed"] == "true"
    item = QueueItem.objects.get()
    assert (item.reference, item.created_by) == ("17", "Power Automate")
    assert item.data == '{"title": "Sagsnummer 4711 på Ærø"}'


WEBFORM_UUID = "c4b5b1f0-97a8-4f2e-9f0c-2d5f3f1b7c11"
WEBFORM = {
    "[webform_submission:uuid]": WEBFORM_UUID,
    "[webform_submission:values:case_id:raw]": "ABC126",
    "[webform:id]": "start_of_case",
}


def test_os2forms_handler_pushes_once(api: Api) -> None:
    data, options = (yaml.safe_load(block.code) for block in blocks_of("yaml", "OS2Forms"))
    headers = fill_in(options["headers"], {**WEBFORM, "the key": api.key})
    assert headers == {"X-API-Key": api.key, "Idempotency-Key": WEBFORM_UUID}
    assert push(api, headers, fill_in(data, WEBFORM)).status_code == 201
    assert push(api, headers, fill_in(data, WEBFORM))["Idempotency-Replayed"] == "true"
    item = QueueItem.objects.get()
    assert (item.reference, item.created_by) == (WEBFORM_UUID, "OS2Forms")
    assert item.data == '{"form": "start_of_case", "case_id": "ABC126"}'


def test_an_os2forms_token_without_quotes_would_be_a_list() -> None:
    _, options = blocks_of("yaml", "OS2Forms")
    headers = yaml.safe_load(options.code.replace("'", ""))["headers"]
    # The HTTP client of Drupal sends the same text for each submission.
    assert headers["Idempotency-Key"] == ["webform_submission:uuid"]


# The same facts as in the code and in the README.


def test_the_errors_are_those_of_the_readme() -> None:
    contract = re.findall(r"^\| ([45]\d\d[^|]*) \|", README, re.MULTILINE)
    named = statuses_in(" ".join(row[0] for row in tables_of("6. Errors")))
    assert statuses_in(" ".join(contract))
    assert statuses_in(" ".join(contract)) | {502, 503, 504} == named


def test_each_error_is_in_the_table_of_retries() -> None:
    retries = " ".join(row[0] for row in tables_of("3. Repeat what failed"))
    errors = " ".join(row[0] for row in tables_of("6. Errors"))
    assert statuses_in(retries) == statuses_in(errors)


def test_powershell_repeats_the_statuses_of_the_table() -> None:
    repeated = re.search(r"-notin 0, ([0-9, ]+)", blocks_of("powershell")[0].code)
    assert repeated
    rows = [row[0] for row in tables_of("3. Repeat what failed") if row[1] == "yes"]
    assert statuses_in(repeated[1]) | {409} == statuses_in(" ".join(rows))


def per_minute(limit: Limit) -> str:
    assert limit.seconds == 60
    return f"{limit.maximum} a minute"


def test_the_limits_are_those_of_the_code() -> None:
    fields: dict[str, Any] = {**QueueItemSerializer().fields, **TriggerNameSerializer().fields}
    lengths = {name: getattr(field, "max_length", None) for name, field in fields.items()}
    bulk_field: Any = QueueItemBulkSerializer().fields["items"]
    mib = 1024 * 1024
    body, bulk = settings.MAX_REQUEST_BYTES // mib, settings.MAX_BULK_BYTES // mib
    items = QueueItemBulkViewSet.item_limit.maximum
    days = settings.IDEMPOTENCY_KEEP.days
    expected = {
        "`queue_name`, `reference`, `created_by`, `trigger_name`": "100 characters",
        "`data`": f"{lengths.pop('data')} characters",
        "`message`": "that of the body",
        "items of one bulk": str(bulk_field.max_length),
        "a body": f"{body} MiB, of a bulk {bulk} MiB",
        "an `Idempotency-Key`": f"255 visible ASCII characters without a comma, kept {days} days",
        "items found by a reference": f"the newest {MOST_RETURNED}",
        "`POST /api/queue`": per_minute(QueueItemViewSet.limits["create"]),
        "`POST /api/queue/bulk`": (
            f"{per_minute(QueueItemBulkViewSet.limits['create'])}, with {items:,} items"
        ),
        "`POST /api/trigger`": per_minute(TriggerViewSet.limits["set_status"]),
        "all `GET` together": per_minute(READ),
    }
    assert {row[0]: row[1].partition(";")[0] for row in tables_of("9. Limits")} == expected
    short = {f"`{name}`" for name, length in lengths.items() if length == 100}
    assert short == set(next(iter(expected)).split(", "))
    assert VALUE.fullmatch("x" * 255)
    assert not VALUE.fullmatch("x" * 256)


def test_the_ban_is_that_of_the_settings() -> None:
    assert settings.BAN_AFTER == 5
    assert timedelta(minutes=15) == settings.BAN_WINDOW
    assert timedelta(hours=1) == settings.BAN_DURATION
    assert "Five wrong keys within 15 minutes from any of them ban the IP for an hour" in SENTENCES


def test_the_times_of_a_rotation_are_those_of_the_code() -> None:
    parser = RotateCommand().create_parser("manage.py", "rotate_api_key")
    assert parser.parse_args(["ERP"]).overlap == timedelta(hours=24)
    assert "for 24 hours unless you agree on more" in SENTENCES
    assert timedelta(weeks=2) == EXPIRES_SOON
    assert "warn you two weeks before" in SENTENCES


def test_the_statuses_are_those_of_the_code() -> None:
    named = {row[0].strip("`") for row in tables_of("4. Find the item again")}
    assert named == set(QueueItem.Status.values)


def test_dates_are_stored_as_the_table_says(serve: Serve) -> None:
    server = serve(TIME_ZONE="Europe/Copenhagen")
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    rows = [row for row in tables_of("8. Dates") if row[0] != "nothing"]
    assert rows
    for sent, stored in rows:
        body = {"queue_name": "q", "created_date": sent.strip("`")}
        _, response = server.request("POST", "/api/queue", json.dumps(body).encode(), **headers)
        item = QueueItem.objects.get(pk=json.loads(response)["id"])
        time = TIME.search(stored)
        assert time
        assert item.created_date == datetime.fromisoformat(time[0])
