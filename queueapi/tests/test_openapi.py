"""The API's OpenAPI document: its content, and that the API behaves as it describes."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.urls import resolve
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from queueapi.tests.helpers import Api, ClientResponse, Server, failing, manage
from queues.models import QueueItem
from security.idempotency import VALUE
from security.models import ApiKey, BannedIP
from security.models import Client as ApiClient
from triggers.tests.helpers import single

TEXT = (settings.BASE_DIR / "docs" / "openapi.yaml").read_text("utf-8")
DOCUMENT = yaml.safe_load(TEXT)
README = (settings.BASE_DIR / "README.md").read_text("utf-8")
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: {"method": method.upper(), "path": path, **operation}
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


# The file


def test_the_file_is_the_generated_document() -> None:
    generated = manage("spectacular").stdout
    assert generated == TEXT, "Run: python dev.py manage spectacular --file docs/openapi.yaml"


def test_of_the_environment_only_limits_are_in_the_document() -> None:
    other_environment = {"DEBUG": "on", "TIME_ZONE": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    generated = yaml.safe_load(manage("spectacular", RATE_QUEUE="7/m", **other_environment).stdout)
    operation = generated["paths"]["/api/queue"]["post"]
    assert "may send 7 requests in 60 s" in operation["description"]
    operation["description"] = OPERATIONS["queue_create"]["description"]
    assert generated == DOCUMENT


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_it_is_of_version_1_1_of_the_contract_on_the_server_that_serves_it() -> None:
    assert DOCUMENT["info"]["version"] == "1.1"
    assert DOCUMENT["servers"] == [{"url": "/"}]


def test_an_idempotency_key_has_the_pattern_of_the_api() -> None:
    parameter = DOCUMENT["components"]["parameters"]["Idempotency-Key"]
    assert parameter["schema"]["pattern"] == f'^(?!"){VALUE.pattern}$'


# The status codes, without those of README's errors that every operation has.
STATUSES = {
    "queue_create": ("POST /api/queue", {201, 409, 415, 422}),
    "queue_list": ("GET /api/queue", {200, 304}),
    "queue_bulk_create": ("POST /api/queue/bulk", {201, 409, 415, 422}),
    "queue_retrieve": ("GET /api/queue/{id}", {200, 304, 404}),
    "trigger_set_status": ("POST /api/trigger", {200, 404, 409, 415, 422}),
    "trigger_list": ("GET /api/trigger", {200, 304, 404}),
}
OF_SOME = set.union(*(statuses for _, statuses in STATUSES.values()))


def test_each_operation_has_the_status_codes_of_the_readme() -> None:
    rows = re.findall(r"^\| ((?:[45]\d\d(?:, )?)+)", README, re.MULTILINE)
    of_all = {int(code) for row in rows for code in re.findall(r"\d+", row)} - OF_SOME
    assert {
        name: (f"{operation['method']} {operation['path']}", set(map(int, operation["responses"])))
        for name, operation in OPERATIONS.items()
    } == {name: (request, statuses | of_all) for name, (request, statuses) in STATUSES.items()}


# Fields


def strict(schema: Any) -> Any:
    """Return the schema without room for members that it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {name: strict(value) for name, value in schema.items()}


COMPONENTS = {"components": strict(DOCUMENT["components"])}


def errors(schema: dict[str, Any], value: object) -> list[str]:
    """Return what is wrong with a value by a schema of the document."""
    validator = Draft202012Validator(schema | COMPONENTS, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def examples_in(part: Any) -> Iterator[tuple[dict[str, Any], object]]:
    """Yield the examples of fields, parameters and bodies with their schemas."""
    if isinstance(part, dict):
        match part:
            case {"schema": schema, "example": example}:
                yield schema, example
            case {"schema": schema, "examples": dict(named)}:
                yield from ((schema, example["value"]) for example in named.values())
            case {"examples": list(examples)}:
                yield from ((part, example) for example in examples)
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from examples_in(each)


def test_examples_are_valid() -> None:
    examples = list(examples_in(DOCUMENT))
    assert len(examples) > 100
    for schema, example in examples:
        assert errors(schema, example) == [], example


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(field, id=f"{name}-{field_name}")
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field_name, field in schema.get("properties", {}).items()
    ],
)
def test_each_field_has_a_type_and_a_description(field: dict[str, Any]) -> None:
    assert field.keys() & {"type", "$ref", "allOf", "oneOf"}
    assert "description" in field


# Responses

ITEM_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
# The query or the body of a valid request of each operation.
REQUESTS: dict[str, dict[str, Any]] = {
    "queue_create": {"queue_name": "SomeQueue"},
    "queue_list": {"reference": "ExternalRef-456"},
    "queue_bulk_create": {"items": [{"queue_name": "SomeQueue"}]},
    "queue_retrieve": {},
    "trigger_set_status": {"trigger_name": "MyAutomationTrigger"},
    "trigger_list": {"trigger_name": "MyAutomationTrigger"},
}
# The document names these headers where they are sent, and they are sent where it does ...
NAMED = re.compile(r"etag|idempotency-.*|ratelimit.*|retry-after|www-.*|x-(api-key|request)-.*")
OF_CLIENTS = {
    *("x-api-key-expires", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    *("ratelimit-policy", "ratelimit"),
}
# ... but some responses don't have all that others with the same status have.
UNNAMED: dict[str, set[str]] = {
    "success": {"idempotency-replayed"},
    "Banned": OF_CLIENTS,
    "OtherStatus": {"retry-after"},
    "WrongHost": OF_CLIENTS,
    "BodyTooLarge": OF_CLIENTS,
}


@pytest.fixture
def api(db: None) -> Api:
    """Return a client with all permissions and rows for its requests."""
    key, plaintext = ApiKey.objects.issue("ERP", lifetime=timedelta(days=1))
    key.client.limit(may_read=True)
    QueueItem.objects.create(pk=ITEM_ID, queue_name="SomeQueue", reference="ExternalRef-456")
    single(trigger_name="MyAutomationTrigger", process_status="RUNNING")
    return Api(Client(raise_request_exception=False), plaintext)


def send(
    api: Api, name: str, content: Any = None, pk: str = ITEM_ID, method: str = "", **headers: str
) -> ClientResponse:
    """Send a request of an operation, by default the valid one."""
    path = OPERATIONS[name]["path"].format(id=pk)
    content = REQUESTS[name] if content is None else content
    if method:
        return api.client.generic(method, path, headers={"X-API-Key": api.key})
    request = api.post if OPERATIONS[name]["method"] == "POST" else api.get
    return request(path, content, **headers)


def check(name: str, case: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Check a response of an operation against the document."""
    documented = OPERATIONS[name]["responses"][str(status)]
    named = {header.lower() for header in documented["headers"]}
    sent = {header.lower() for header in headers}
    assert set(filter(NAMED.fullmatch, sent)) <= named
    assert named - sent <= UNNAMED.get(case, set())
    if "content" not in documented:
        assert body == b""
        return
    assert headers["Content-Type"] == "application/json"
    content = documented["content"]["application/json"]
    assert errors(content["schema"], json.loads(body)) == []
    if case in content.get("examples", {}):
        # The number of seconds to wait is another one.
        body = re.sub(rb"\d+ seconds", b"30 seconds", body)
        assert json.loads(body) == content["examples"][case]["value"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_success_is_as_documented(api: Api, name: str) -> None:
    response = send(api, name)
    assert response.status_code < 300
    check(name, "success", response.status_code, response.headers, response.content)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_repeated_request_is_as_documented(api: Api, name: str) -> None:
    first = send(api, name, Idempotency_Key="1")
    etag = first.headers.get("ETag", "")
    response = send(api, name, If_None_Match=etag, Idempotency_Key="1")
    assert response.status_code == (304 if etag else first.status_code)
    check(name, "repeated", response.status_code, response.headers, response.content)


# What makes a valid request one with this error ...
WRONG: dict[str, dict[str, Any]] = {
    "InvalidField": {"content": {}},
    "InvalidIdempotencyKey": {"Idempotency_Key": "1,2"},
    "InvalidJSON": {"content": []},
    "InvalidKey": {"X_API_Key": "wrong"},
    "KeyInProgress": {"Idempotency_Key": "1"},
    "KeyReused": {
        "Idempotency_Key": "1",
        "content": {
            "queue_name": "Other",
            "items": [{"queue_name": "Other"}],
            "trigger_name": "MyAutomationTrigger",
            "process_status": "DONE",
        },
    },
    "OtherStatus": {"content": {"trigger_name": "MyAutomationTrigger", "expected_status": "IDLE"}},
    "UnknownId": {"pk": str(uuid4())},
    "UnknownName": {"content": {"trigger_name": "Other"}},
    "WrongContentType": {"Content_Type": "text/plain"},
    "WrongHost": {"Host": "other"},
    "WrongMethod": {"method": "PUT"},
}
# ... and the statements that fail then.
FAILING = {
    "ServerFailed": ("Queues", "Triggers"),
    "KeyInProgress": (f"INSERT INTO {connection.ops.quote_name('security_idempotencykey')}",),
}
# Errors that Waitress finds, before Django sees the request.
OF_WAITRESS = {
    "HeadersTooLarge": {"X_Other": "x" * 33_000},
    "BodyTooLarge": {"Content_Length": str(5 * 1024 * 1024)},
}
ERRORS = [
    (name, int(status), case)
    for name, operation in OPERATIONS.items()
    for status, response in operation["responses"].items()
    for content in response.get("content", {}).values()
    for case in content.get("examples", {})
]


def prepare(case: str, name: str, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next request have an error."""
    if case == "Banned":
        BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "Failed attempts")
    elif case == "KeyReused":
        send(api, name, Idempotency_Key="1")
    elif case == "NotAllowed":
        ApiClient.objects.get().limit(may_push=False, may_trigger=False, may_read=False)
    elif case == "SeveralTriggers":
        single(trigger_name="MyAutomationTrigger")
    elif case == "RateLimited":
        limits = resolve(OPERATIONS[name]["path"]).func.cls.limits  # type: ignore[attr-defined]
        for action, limit in limits.items():
            monkeypatch.setitem(limits, action, replace(limit, rate="1/d"))
        send(api, name)


@pytest.mark.parametrize(
    ("name", "status", "case"), [error for error in ERRORS if error[2] not in OF_WAITRESS]
)
def test_an_error_is_as_documented(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, status: int, case: str
) -> None:
    prepare(case, name, api, monkeypatch)
    with ExitStack() as stack:
        for statement in FAILING.get(case, ()):
            stack.enter_context(failing(statement, OperationalError("database is locked")))
        response = send(api, name, **WRONG.get(case, {}))
    assert response.status_code == status
    check(name, case, status, response.headers, response.content)


@pytest.mark.parametrize(
    ("name", "status", "case"), [error for error in ERRORS if error[2] in OF_WAITRESS]
)
def test_an_error_of_waitress_is_as_documented(
    shared_server: Server, name: str, status: int, case: str
) -> None:
    method, path = OPERATIONS[name]["method"], OPERATIONS[name]["path"].format(id=ITEM_ID)
    response, body = shared_server.request(method, path, b"", **OF_WAITRESS[case])
    assert response.status == status
    check(name, case, status, dict(response.headers), body)
