"""Check that the API, its OpenAPI document and a client generated from it fit together.

Takes about a minute, so it is not one of the tests of each run:

    python dev.py test -n0 queueapi/tests/conformance.py
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from schemathesis.cli import schemathesis as schemathesis_command
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData

from queueapi.api.serializer_fields import LocalDateTimeField
from queueapi.tests.helpers import Serve, Server
from queues.models import QueueItem
from security.idempotency import VALUE
from security.models import ApiKey
from security.models import Client as ApiClient
from triggers.models.triggers import NO_SINGLE
from triggers.tests.helpers import single

CONFIG = Path(__file__).with_name("schemathesis.toml")
RATES = ("RATE_QUEUE", "RATE_BULK", "RATE_BULK_ITEMS", "RATE_TRIGGER", "RATE_READ")
# The values of the document's examples.
ITEM = {"pk": "0f8fad5b-d9cb-469f-a165-70867728950e", "queue_name": "SomeQueue"}
REFERENCE = "ExternalRef-456"
TRIGGER = "MyAutomationTrigger"

numbers = count()


@pytest.fixture
def key(transactional_db: None) -> str:
    """Return the key of a client with all permissions."""
    row, key = ApiKey.objects.issue("ERP", lifetime=None)
    row.client.limit(may_read=True)
    return key


# Schemathesis


QUOTE = '"'
# Errors of requests that are valid by the document.
KNOWN_ERRORS = {
    # JSON Schema can't say which days there are, nor the range of the years.
    ("created_date", str(LocalDateTimeField.default_error_messages["invalid"])),
    ("created_date", str(LocalDateTimeField.default_error_messages["range"])),
    # JSON Schema can't say the length of an object's text.
    ("data", "Ensure this field has no more than 2000 characters."),
    # The separators U+001C to U+001F are white space in Python, but not in JSON Schema.
    ("queue_name", "This field may not be blank."),
}


@schemathesis.hook
def before_call(context: HookContext, case: Case, **kwargs: Any) -> None:
    """Make a valid `Idempotency-Key` a new one, because most requests with a known one get 422."""
    value = case.headers.get("Idempotency-Key", QUOTE)
    if VALUE.fullmatch(value) and not value.startswith(QUOTE):
        case.headers["Idempotency-Key"] = f"key-{next(numbers)}"


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Return `False` for the known findings. Each has its reason here."""
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        fields = response.json().get("fields", {"body": ["invalid"]})
        errors = {(name.split(".")[-1], text) for name in fields for text in fields[name]}
        return not errors <= KNOWN_ERRORS
    if isinstance(failure, AcceptedNegativeData):
        # Quotes around an `Idempotency-Key` are allowed, and not needed.
        return not case.headers.get("Idempotency-Key", "").startswith(QUOTE)
    return True


def test_the_api_does_what_its_document_says(
    serve: Serve, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QueueItem.objects.create(**ITEM, reference=REFERENCE)
    single(trigger_name=TRIGGER)
    server = serve(BAN_EXEMPT_NETWORKS="127.0.0.1", **dict.fromkeys(RATES, "999999999/d"))
    url = f"http://127.0.0.1:{server.port}/api/schema"
    monkeypatch.setenv("API_KEY", key)
    monkeypatch.chdir(tmp_path)  # it writes a folder there
    with pytest.raises(SystemExit) as stop:
        schemathesis_command(["--config-file", str(CONFIG), "run", url])
    assert stop.value.code == 0, server.log.read_text()[-2000:]


# A generated client


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Generate the package `queue_api` from the document."""
    folder = tmp_path_factory.mktemp("generated")
    programs = Path(sys.executable).parent
    subprocess.run(
        [
            *(programs / "openapi-python-client", "generate", "--fail-on-warning"),
            *("--path", settings.BASE_DIR / "docs" / "openapi.yaml"),
            *("--meta", "none", "--output-path", folder / "queue_api"),
        ],
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},  # for its ruff
        check=True,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


class Generated:
    """A client of the package `queue_api`."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.models = import_module("queue_api.models")

    def __call__(self, operation: str, *arguments: Any, **parameters: Any) -> Any:
        """Call an operation, and return the body of its response."""
        module = import_module(f"queue_api.api.{operation.partition('_')[0]}.{operation}")
        return module.sync(*arguments, client=self.client, **parameters)


@pytest.fixture
def queue_api(shared_server: Server, key: str, generated: None) -> Iterator[Generated]:
    """Return a generated client with all permissions."""
    package = import_module("queue_api")
    with package.AuthenticatedClient(
        f"http://127.0.0.1:{shared_server.port}",
        token=key,
        prefix="",
        auth_header_name="X-API-Key",
        raise_on_unexpected_status=True,
    ) as client:
        yield Generated(client)


def test_a_generated_client_reads_an_item_that_it_pushed(queue_api: Generated) -> None:
    status = queue_api.models.QueueItemStatus
    item = queue_api.models.QueueItem("SomeQueue", reference=REFERENCE, data="ABC123")
    pushed = queue_api("queue_create", body=item, idempotency_key="1")
    assert queue_api("queue_create", body=item, idempotency_key="1") == pushed

    stored = queue_api("queue_retrieve", pushed.id)
    assert (stored.queue_name, stored.data, stored.status) == ("SomeQueue", "ABC123", status.NEW)
    [found] = queue_api("queue_list", reference=REFERENCE).items
    assert found.id == pushed.id


def test_a_generated_client_pushes_many_items(queue_api: Generated) -> None:
    items = [queue_api.models.QueueItem("SomeQueue", status=None) for _ in range(3)]
    pushed = queue_api("queue_bulk_create", body=queue_api.models.QueueItemBulk(items))
    assert set(pushed.ids) == set(QueueItem.objects.values_list("pk", flat=True))


def test_a_generated_client_sets_and_reads_a_status(queue_api: Generated) -> None:
    status = queue_api.models.ProcessStatus
    single(trigger_name=TRIGGER, process_status="DONE")
    change = queue_api.models.TriggerStatus(TRIGGER, expected_status=status.DONE)
    assert queue_api("trigger_set_status", body=change).new_status == status.IDLE
    [trigger] = queue_api("trigger_list", trigger_name=TRIGGER).triggers
    assert trigger.process_status == status.IDLE


def test_a_generated_client_gets_typed_errors(queue_api: Generated) -> None:
    models = queue_api.models
    single(trigger_name=TRIGGER)
    ApiClient.objects.update(may_read=False)

    invalid = queue_api("queue_create", body=models.QueueItem(""))
    assert isinstance(invalid, models.ErrorWithFields)
    assert invalid.fields["queue_name"] == ["This field may not be blank."]

    refused = queue_api("trigger_list", trigger_name=TRIGGER)
    assert isinstance(refused, models.ErrorWithReason)
    assert refused.reason == models.Reason.NOT_ALLOWED

    missing = queue_api("trigger_set_status", body=models.TriggerStatus("Other"))
    assert isinstance(missing, models.Error)
    assert missing.error == NO_SINGLE

    change = models.TriggerStatus(TRIGGER, expected_status=models.ProcessStatus.DONE)
    conflict = queue_api("trigger_set_status", body=change)
    assert isinstance(conflict, models.ErrorWithCurrentStatus)
    assert conflict.current_status == models.ProcessStatus.IDLE
