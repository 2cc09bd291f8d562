"""POST /api/queue stores any input unchanged or answers with a 4xx."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queueapi.tests.helpers import Api
from queues.models import QueueItem

pytestmark = pytest.mark.django_db


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


HOSTILE_BODIES = {
    "empty": b"",
    "invalid UTF-8": b'{"queue_name": "\xff\xfe"}',
    "UTF-16": '{"queue_name": "q"}'.encode("utf-16"),
    "truncated": b'{"queue_name": "q"',
    "no JSON": b"queue_name=q",
    "two values": b'{"queue_name": "q"} {"queue_name": "q"}',
    "array": b'[{"queue_name": "q"}]',
    "text": b'"queue_name"',
    "null": b"null",
    "number": b"1",
    "100,000 nested arrays": nested(100_000),
    "100,000 nested arrays as data": b'{"queue_name": "q", "data": ' + nested(100_000) + b"}",
    "nested as deep as the parser can": b'{"queue_name": ' + nested(900) + b"}",
    "100,000 nested objects": b'{"data": ' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"queue_name": "q", "data": [NaN]}',
    "Infinity": b'{"queue_name": "q", "data": [-Infinity]}',
    "1e999": b'{"queue_name": "q", "data": [1e999]}',
    "-1e999 in an unknown field": b'{"queue_name": "q", "other": -1e999}',
    "integer of 5000 digits": b'{"queue_name": "q", "data": [' + b"9" * 5000 + b"]}",
    "integer of 3000 digits": b'{"queue_name": "q", "data": [' + b"9" * 3000 + b"]}",
    "NUL in a name": b'{"queue_name": "a\\u0000b"}',
    "NUL in data": b'{"queue_name": "q", "data": "\\u0000"}',
    "NUL in a message": b'{"queue_name": "q", "message": "\\u0000"}',
    "raw NUL": b'{"queue_name": "a\x00b"}',
    "lone surrogate in a name": b'{"queue_name": "\\ud800"}',
    "lone surrogate in a message": b'{"queue_name": "q", "message": "\\udfff"}',
    "lone surrogate in data": b'{"queue_name": "q", "data": "\\ud800"}',
    "lone surrogate inside data": b'{"queue_name": "q", "data": {"a": ["\\ud800"]}}',
    "lone surrogate as a key inside data": b'{"queue_name": "q", "data": {"\\udc00": 1}}',
    "year 1 with an offset": b'{"queue_name": "q", "created_date": "0001-01-01T00:00:00+23:59"}',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_a_hostile_body_is_a_400_and_makes_no_row(api: Api, body: bytes) -> None:
    response = api.post("/api/queue", body)

    assert response.status_code == 400, response.content
    assert response.json()["success"] is False
    assert isinstance(response.json()["error"], str)
    assert not QueueItem.objects.exists()


@pytest.mark.parametrize("depth", range(1, 1200, 37))
def test_no_depth_of_nesting_is_a_500(api: Api, depth: int) -> None:
    body = b'{"queue_name": "q", "data": ' + nested(depth) + b"}"
    assert api.post("/api/queue", body).status_code in {201, 400}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "*/*",
        "application/*",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "nonsense",
        "application/octet-stream",
        ";;;",
        "application/json/json",
    ],
)
def test_another_content_type_is_a_415(api: Api, content_type: str) -> None:
    response = api.post("/api/queue", {"queue_name": "q"}, Content_Type=content_type)
    assert response.status_code == 415
    assert response.json() == {
        "success": False,
        "error": "The Content-Type is missing or not accepted; send JSON, with the header "
        "Content-Type: application/json.",
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json; charset=utf-16",  # JSON is always UTF-8
        "application/json; charset=rot13",
        "application/json; charset=undefined",
        "application/json; charset=bz2",
    ],
)
def test_the_charset_of_the_content_type_is_ignored(api: Api, content_type: str) -> None:
    response = api.post("/api/queue", {"queue_name": "æ"}, Content_Type=content_type)
    assert response.status_code == 201
    assert QueueItem.objects.get().queue_name == "æ"


def test_a_byte_order_mark_is_accepted(api: Api) -> None:
    body = '\ufeff{"queue_name": "q"}'.encode()
    assert api.post("/api/queue", body).status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
def test_the_response_is_json_regardless_of_accept(api: Api, accept: str) -> None:
    response = api.post("/api/queue?format=xml", {"queue_name": "q"}, Accept=accept)
    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"


def test_the_response_is_english_regardless_of_accept_language(api: Api) -> None:
    response = api.post("/api/queue", {}, Accept_Language="da")
    assert response.json()["error"] == "queue_name: This field is required."


def test_an_error_does_not_repeat_the_input(api: Api) -> None:
    response = api.post("/api/queue", {"queue_name": "q", "status": "<script>" * 1000})
    assert b"script" not in response.content


# Without a time limit. Each example deletes the rows of the one before.
patient = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
any_text = st.text(alphabet=st.characters())  # lone surrogates too
bodies = st.fixed_dictionaries(
    {},
    optional={
        "queue_name": any_text | json_values,
        "status": st.sampled_from(["new", "Done", "FAILED"]) | json_values,
        "data": any_text | json_values,
        "reference": any_text | json_values,
        "message": any_text | json_values,
        "created_by": any_text | json_values,
        "created_date": st.datetimes().map(str)
        | st.datetimes(timezones=st.timezones()).map(str)
        | json_values,
    },
)


def stored_value(body: dict[str, Any], field: str) -> Any:
    """Return the value of the field as it should be stored."""
    value = body.get(field)
    if field == "queue_name":
        return body[field].strip()
    if field == "status":
        return (value or "NEW").upper()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def local_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo:
        moment = moment.astimezone(timezone.get_default_timezone())
    return moment.replace(tzinfo=None)


@pytest.mark.slow
@given(body=bodies | json_values)
@settings(patient, max_examples=400)
def test_any_json_is_stored_unchanged_or_a_400(api: Api, body: Any) -> None:
    QueueItem.objects.all().delete()
    response = api.post("/api/queue", body)

    assert response.status_code in {201, 400}
    if response.status_code == 400:
        assert not QueueItem.objects.exists()
        return
    item = QueueItem.objects.get()
    for field in ("queue_name", "status", "data", "reference", "message", "created_by"):
        assert getattr(item, field) == stored_value(body, field)
    if sent := body.get("created_date"):
        assert item.created_date == local_time(sent)


@given(body=st.binary())
@settings(patient, max_examples=100)
def test_any_bytes_are_a_400(api: Api, body: bytes) -> None:
    assert api.post("/api/queue", body).status_code == 400
