"""docs/power-platform.swagger.json: what custom connectors need, and the API's own document."""

import json
import re
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from django.conf import settings
from openapi_spec_validator import OpenAPIV2SpecValidator, validate

from queueapi.api.documentation import render_document
from queueapi.tests.helpers import Api
from triggers.tests.helpers import single

FILE = (settings.BASE_DIR / "docs" / "power-platform.swagger.json").read_bytes()

# Keywords for makers, in the file only.
FOR_MAKERS = {"description", "example", "x-ms-summary", "x-ms-visibility"}
# Keywords that the file leaves out: Swagger 2.0 has no `const` and no `examples`, and a text that
# does not match a `pattern` gets a sentence from the API, which says more.
NOT_FOR_MAKERS = {"description", "examples", "const", "pattern"}
# Responses that no connector gets: it sends a POST, JSON and short headers.
NO_RESPONSES = {"405", "415", "431"}
# A response has an id also if the request has none.
NO_PARAMETERS = {"X-Request-ID"}


def resolve(node: Any, document: dict[str, Any]) -> Any:
    """Return the node with the targets of its references."""
    if isinstance(node, list):
        return [resolve(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = reduce(getitem, node["$ref"].removeprefix("#/").split("/"), document)
        return resolve(target, document)
    return {name: resolve(value, document) for name, value in node.items()}


def operations(content: bytes) -> dict[str, Any]:
    """Return the POST operations that the file describes, by their paths."""
    document = json.loads(content)
    paths = resolve(document["paths"], document)
    return {path: paths[path]["post"] for path in json.loads(FILE)["paths"]}


def simplified(schema: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    """Return the schema without these keywords and without null."""
    schema = {name: value for name, value in schema.items() if name not in left_out}
    # The API's document names the schema of a status, and that of null.
    for named in schema.pop("allOf", []) + schema.pop("oneOf", []):
        if named["type"] != "null":
            schema |= named
    if isinstance(schema["type"], list):
        # Swagger 2.0 has one type for a property. `data` is a text: makers fill text fields, JSON
        # can be sent as a text, and the robot gets it unchanged.
        assert "string" in schema["type"]
        schema |= {"type": "string"}
        schema.pop("items", None)
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "required" in schema:
        schema["required"] = sorted(schema["required"])
    if "properties" in schema:
        schema["properties"] = {
            name: simplified(field, left_out) for name, field in schema["properties"].items()
        }
    return schema


def by_name(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield each object of the JSON."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from nodes(child)


SWAGGER = json.loads(FILE)
OURS = operations(FILE)
each_path = pytest.mark.parametrize("path", OURS)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render_document("json"))
    return loaded


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """Return the operations of the API's document."""
    return operations(render_document("json"))


# The same as the API's document.


def test_it_describes_the_two_posts() -> None:
    methods = {path: list(item) for path, item in SWAGGER["paths"].items()}
    assert methods == {"/api/queue": ["post"], "/api/trigger": ["post"]}
    assert SWAGGER["basePath"] == "/"


def test_it_has_the_same_version_description_and_security(document: dict[str, Any]) -> None:
    assert SWAGGER["info"]["version"] == document["info"]["version"]
    # Microsoft refuses the word "API", which the document's next sentence has.
    assert document["info"]["description"].startswith(SWAGGER["info"]["description"])
    assert SWAGGER["securityDefinitions"] == document["components"]["securitySchemes"]


@each_path
def test_an_operation_has_the_same_summary_and_security(path: str, theirs: dict[str, Any]) -> None:
    assert OURS[path]["summary"] == theirs[path]["summary"]
    assert SWAGGER["security"] == theirs[path]["security"]


@each_path
def test_a_body_has_the_same_fields(path: str, theirs: dict[str, Any]) -> None:
    body = by_name(OURS[path])["body"]
    content = theirs[path]["requestBody"]["content"]
    assert SWAGGER["consumes"] == list(content)
    expected = simplified(content["application/json"]["schema"], NOT_FOR_MAKERS)
    assert simplified(body["schema"], FOR_MAKERS) == expected
    assert body["required"] == theirs[path]["requestBody"]["required"]


@each_path
def test_the_same_parameters_can_be_sent(path: str, theirs: dict[str, Any]) -> None:
    names = set(by_name(theirs[path])) - NO_PARAMETERS
    assert set(by_name(OURS[path])) == {*names, "body"}


@each_path
def test_an_idempotency_key_has_the_same_limits(path: str, theirs: dict[str, Any]) -> None:
    ours, expected = (by_name(operation[path])["Idempotency-Key"] for operation in (OURS, theirs))
    assert ours["in"] == expected["in"]
    assert ours.get("required") == expected.get("required")
    shortest, longest = ours["minLength"], ours["maxLength"]
    lengths = [shortest - 1, shortest, longest, longest + 1]
    matches = [bool(re.search(expected["schema"]["pattern"], "k" * length)) for length in lengths]
    assert matches == [False, True, True, False]


@each_path
def test_it_has_the_same_responses(path: str, theirs: dict[str, Any]) -> None:
    expected = {
        code: simplified(response["content"]["application/json"]["schema"], NOT_FOR_MAKERS)
        for code, response in theirs[path]["responses"].items()
        if code not in NO_RESPONSES
    }
    ours = {
        code: simplified(response["schema"], FOR_MAKERS)
        for code, response in OURS[path]["responses"].items()
    }
    assert ours == expected
    for response in theirs[path]["responses"].values():
        assert SWAGGER["produces"] == list(response["content"])


@each_path
def test_an_error_has_an_example_of_the_document(path: str, theirs: dict[str, Any]) -> None:
    for code, response in OURS[path]["responses"].items():
        if not code.startswith("2"):
            content = theirs[path]["responses"][code]["content"]["application/json"]
            values = [example["value"] for example in content["examples"].values()]
            assert response["examples"]["application/json"] in values


@each_path
def test_the_api_accepts_the_example_of_a_body(path: str, api: Api) -> None:
    single(trigger_name="MyAutomationTrigger", process_status="DONE")
    example = by_name(OURS[path])["body"]["schema"]["example"]
    assert set(example) == set(by_name(OURS[path])["body"]["schema"]["properties"])

    response = api.post(path, example)

    [code] = [code for code in OURS[path]["responses"] if code.startswith("2")]
    assert str(response.status_code) == code
    success = OURS[path]["responses"][code]
    assert set(response.json()) == set(success["examples"]["application/json"])
    assert set(response.json()) == set(success["schema"]["required"])


# What custom connectors need: https://learn.microsoft.com/connectors/custom-connectors/, pages
# define-openapi-definition, coding-standards, connector-string-guidance and openapi-extensions.


def test_it_is_valid_swagger() -> None:
    validate(SWAGGER, cls=OpenAPIV2SpecValidator)
    assert len(FILE) < 1_000_000


def test_the_title_and_description_do_not_name_an_api() -> None:
    assert len(SWAGGER["info"]["title"]) <= 30
    assert "API" not in SWAGGER["info"]["title"] + SWAGGER["info"]["description"]


def test_operations_have_ids_in_pascal_case_and_names_without_punctuation() -> None:
    for operation in OURS.values():
        assert re.fullmatch(r"([A-Z][a-z]+)+", operation["operationId"])
        assert re.fullmatch(r"[A-Z][\w ]{,79}", operation["summary"])


def test_each_field_has_a_title_and_a_sentence() -> None:
    fields = [by_name(operation)["Idempotency-Key"] for operation in OURS.values()]
    for schema in SWAGGER["definitions"].values():
        fields += schema["properties"].values()
    for field in fields:
        assert re.fullmatch(r"[A-Z][\w ]{,79}", field["x-ms-summary"])
        assert field["description"] != field["x-ms-summary"]
    assert all(
        node["description"].endswith(".") for node in nodes(SWAGGER) if "description" in node
    )


def test_each_field_of_a_body_is_shown_first_or_under_advanced() -> None:
    for operation in OURS.values():
        schema = by_name(operation)["body"]["schema"]
        visibility = {
            name: field["x-ms-visibility"] for name, field in schema["properties"].items()
        }
        assert set(visibility.values()) == {"important", "advanced"}
        assert {visibility[name] for name in schema["required"]} == {"important"}


def test_each_type_is_one_text() -> None:
    assert all(isinstance(node["type"], str) for node in nodes(SWAGGER) if "type" in node)
