"""docs/moving.md: its rewrite rules, and its statements about Queue API."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings as django_settings
from django.core.management import get_commands
from django.db import connection
from django.test import Client
from django.urls import Resolver404, get_resolver, resolve
from django.utils import timezone
from pytest_django import Settings

from queueapi.tests.helpers import Api, ClientResponse
from queues.models import QueueItem
from security.models import ApiKey, FailedAttempt
from security.models import Client as ApiClient
from security.tests.helpers import wrong
from triggers.models import Trigger
from triggers.tests.helpers import queue, single

PAGE = (django_settings.BASE_DIR / "docs" / "moving.md").read_text("utf-8")


# The rewrite rules.

FRAGMENT = re.search(r"```xml\n(.*?)```", PAGE, re.DOTALL)
assert FRAGMENT
RULES = ET.fromstring(FRAGMENT[1]).findall("system.webServer/rewrite/rules/rule")  # noqa: S314  ours


def passed_on(path: str) -> str | None:
    """Return the URL to which the rules of IIS pass or redirect a path; `None` if it stays."""
    for rule in RULES:
        match, action = rule.find("match"), rule.find("action")
        assert match is not None
        assert action is not None
        # IIS matches the path without its first slash, by default in any letter case.
        assert match.attrib["ignoreCase"] == "false"
        if re.search(match.attrib["url"], path.removeprefix("/")):
            return action.attrib["url"].replace("{R:0}", path.removeprefix("/"))
    return None


def api_paths() -> list[str]:
    """Return an example of each path below /api in `queueapi/urls.py`."""
    routes = [str(pattern.pattern).lstrip("^") for pattern in get_resolver().url_patterns]
    paths = [re.sub(r"\(\?P<.*?\)", "x", route).removesuffix("$") for route in routes]
    return ["/" + path.removesuffix("/?") for path in paths if path.startswith("api")]


ENDPOINTS = ["/api/queue", "/api/queue/bulk", "/api/queue/x", "/api/trigger", "/api/schema"]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_endpoints_are_passed_on(path: str) -> None:
    assert passed_on(path) == f"https://queue.example.org{path}"
    assert passed_on(f"{path}/") == f"https://queue.example.org{path}/"


def test_no_path_of_the_api_stays() -> None:
    assert set(ENDPOINTS) - {"/api/schema"} <= set(api_paths())
    assert [path for path in api_paths() if passed_on(path) is None] == []


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/docs", "/api/docs/"])
def test_the_documentation_is_under_the_new_host_name(path: str) -> None:
    assert passed_on(path) == "https://queue.example.org/api/docs"
    assert RULES[1].find("action[@type='Redirect']") is not None


OTHERS = [
    *("/", "/v1/api/queue", "/apis", "/api/other", "/API/queue", "/api//queue", "/api/health"),
    *("/api/queueing", "/api/queues", "/api/queue/x/y", "/api/triggers", "/api/trigger/x"),
    *("/api/docs/x", "/api/documents", "/api/schemas", "/api/schema/x", "/x/api/queue"),
]


@pytest.mark.parametrize("path", OTHERS)
def test_other_paths_stay(path: str) -> None:
    assert passed_on(path) is None
    with pytest.raises(Resolver404):
        resolve(path)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/static/admin/css/base.css"])
def test_the_admin_and_static_files_stay(path: str) -> None:
    assert passed_on(path) is None


def test_each_rule_is_the_last_one_for_its_paths() -> None:
    assert [rule.get("stopProcessing") for rule in RULES] == ["true", "true"]
    hosts = {urlsplit(action.attrib["url"]).netloc for rule in RULES for action in rule[1:]}
    assert hosts == {"queue.example.org"}


@pytest.mark.django_db
def test_the_admin_refuses_forms_from_another_host_name() -> None:
    browser = Client(enforce_csrf_checks=True)
    response = browser.post("/admin/login/", headers={"Origin": "https://old.example.org"})
    assert response.status_code == 403


def test_the_client_ip_is_that_of_the_caller(api: Api, settings: Settings) -> None:
    networks = re.search(r"^TRUSTED_PROXIES=(.+)$", PAGE, re.MULTILINE)
    assert networks
    iis, old_site = settings.TRUSTED_PROXIES = networks[1].split(",")
    forwarded = f"198.51.100.7, 10.1.2.3:51861, {old_site}:40000"
    api.client.post(
        "/api/queue", REMOTE_ADDR=iis, headers={"X-Forwarded-For": forwarded, "X-API-Key": "wrong"}
    )
    assert FailedAttempt.objects.get().client_ip == "10.1.2.3"


# The differences: requests for the rows of the tables.


def table(heading: str) -> dict[str, str]:
    """Return the first and the last cell of each row of the table with this heading."""
    rows = PAGE.partition(f"{heading}\n|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert rows
    cells = [row.strip("| ").split(" | ") for row in rows]
    return {row[0]: row[-1] for row in cells}


REQUESTS = table("| request | the page | Queue API |")
RESPONSES = table("| part | the page | Queue API |")
# Waitress responds: queueapi/server/tests/test_waitress.py.
UNTESTED = {"headers over 32 KiB"}


def push(api: Api, **fields: Any) -> ClientResponse:
    return api.post("/api/queue", {"queue_name": "q", **fields})


def trigger(api: Api, *statuses: str, **fields: Any) -> ClientResponse:
    """Set the status of triggers of type SINGLE that had these."""
    for status in statuses:
        single(trigger_name="t", process_status=status)
    return api.post("/api/trigger", {"trigger_name": "t", **fields})


def with_a_key(api: Api, **fields: Any) -> ClientResponse:
    """Push an item, and then one with the same Idempotency-Key and these fields."""
    push_with_key = partial(api.post, "/api/queue", Idempotency_Key="k")
    push_with_key({"queue_name": "q"})
    return push_with_key({"queue_name": "q", **fields})


def banned(api: Api) -> ClientResponse:
    wrong(api, 5)
    return push(api)


def not_allowed(api: Api) -> ClientResponse:
    ApiClient.objects.get().limit(may_push=False)
    return push(api)


def without_a_database(api: Api) -> ClientResponse:
    push(api)  # the key is cached
    with connection.execute_wrapper(fail):
        return push(api)


def fail(*_: object) -> NoReturn:
    raise RuntimeError


Request = Callable[[Api], ClientResponse]
CASES: dict[str, list[Request]] = {
    "a `Content-Type` other than `application/json`, or none": [
        lambda api: api.post("/api/queue", {"queue_name": "q"}, Content_Type="text/plain"),
        lambda api: api.post("/api/queue", {"queue_name": "q"}, Content_Type=""),
    ],
    "a body that is not one JSON object in UTF-8": [
        lambda api: api.post("/api/queue", b"queue_name=q"),
        lambda api: api.post("/api/queue", b"[]"),
        lambda api: api.post("/api/queue", b'{"queue_name": "\xe6"}'),
    ],
    "a body over 1 MiB": [lambda api: api.post("/api/queue", b" " * (1024 * 1024 + 1))],
    "a method that the URL does not have": [
        lambda api: api.client.put("/api/queue", headers={"X-API-Key": api.key})
    ],
    "a URL that Queue API does not have": [lambda api: api.post("/api/other", {})],
    "a slash at the end of the path": [
        lambda api: api.post("/api/queue/", {"queue_name": "q"}),
        lambda api: api.post("/api/trigger/", {"trigger_name": single().trigger_name}),
    ],
    "a host name that is not in `ALLOWED_HOSTS`": [
        lambda api: api.post("/api/queue", {"queue_name": "q"}, Host="old.example.org")
    ],
    "a field that is not listed": [
        lambda api: push(api, x=1),
        lambda api: trigger(api, "DONE", x=1),
    ],
    "`null` in an optional field": [
        lambda api: push(api, status=None, data=None, created_date=None),
        lambda api: trigger(api, "DONE", process_status=None),
    ],
    "`null` or an empty text in a required field": [
        lambda api: push(api, queue_name=None),
        lambda api: push(api, queue_name=""),
        lambda api: trigger(api, trigger_name=None),
        lambda api: trigger(api, trigger_name=""),
    ],
    "a number or a boolean in place of a text": [
        lambda api: push(api, reference=5),
        lambda api: push(api, message=True),
        lambda api: trigger(api, trigger_name=5),
    ],
    "a text longer than its limit": [
        lambda api: push(api, queue_name="x" * 101),
        lambda api: push(api, reference="x" * 101),
        lambda api: push(api, created_by="x" * 101),
        lambda api: push(api, data="x" * 2001),
        lambda api: push(api, data=["x" * 2000]),
    ],
    "white space at the ends of `queue_name`": [lambda api: push(api, queue_name=" q ")],
    "`data` as a number or boolean": [
        lambda api: push(api, data=5),
        lambda api: push(api, data=False),
    ],
    "`data` as an object or array": [
        lambda api: push(api, data={}),
        lambda api: push(api, data=[1]),
    ],
    "a `status` that is not listed": [lambda api: push(api, status="OPEN")],
    "a `process_status` that is not a trigger status of OpenOrchestrator": [
        lambda api: trigger(api, "DONE", process_status="NEW")
    ],
    "a `status` or `process_status` in lower case": [
        lambda api: push(api, status="done"),
        lambda api: trigger(api, "IDLE", process_status="done"),
    ],
    "`created_date` with an offset": [lambda api: push(api, created_date="2025-04-26T12:00:00Z")],
    "`created_date` without an offset": [lambda api: push(api, created_date="2025-04-26T12:00:00")],
    "`created_date` as an empty text": [lambda api: push(api, created_date="")],
    "`created_date` before 1753, or not in ISO 8601": [
        lambda api: push(api, created_date="1752-12-31"),
        lambda api: push(api, created_date="26-04-2025"),
    ],
    "a trigger that is unknown or not `SINGLE`": [
        trigger,
        lambda api: trigger(api, trigger_name=queue().trigger_name),
    ],
    "several `SINGLE` triggers with the name": [lambda api: trigger(api, "DONE", "DONE")],
    "`expected_status`, if the trigger has another status": [
        lambda api: trigger(api, "RUNNING", expected_status="DONE")
    ],
    "an `Idempotency-Key`, the second time with the same input": [with_a_key],
    "an `Idempotency-Key`, the second time with other input": [
        lambda api: with_a_key(api, status="DONE")
    ],
    "an invalid `Idempotency-Key`": [
        lambda api: api.post("/api/queue", {"queue_name": "q"}, Idempotency_Key="a,b")
    ],
    "a missing or wrong key": [
        lambda api: api.client.post("/api/queue"),
        lambda api: Api(api.client, "wrong").post("/api/queue", {}),
    ],
    "any, after five failed attempts": [banned],
    "one that the operators have not allowed this client": [not_allowed],
    "more than 1000 on `/api/queue` or 10 on `/api/trigger` in a minute": [
        lambda api: [trigger(api) for _ in range(11)][-1]
    ],
    "one during a failure of the server or database": [without_a_database],
}


def test_every_row_is_tested() -> None:
    assert set(CASES) == set(REQUESTS) - UNTESTED


@pytest.mark.parametrize(
    ("row", "send"), [(row, request) for row, requests in CASES.items() for request in requests]
)
def test_a_request_has_the_response_of_its_row(api: Api, row: str, send: Request) -> None:
    response, cell = send(api), REQUESTS[row]
    statuses = re.match(r"\d{3}( or \d{3})?", cell)
    assert statuses
    assert str(response.status_code) in statuses[0], response.content
    assert response.json().get("reason", "") in cell
    assert set(re.findall(r"the header `([\w-]+)`", cell)) <= set(response.headers)


def test_data_is_stored_as_the_text_of_its_row(api: Api) -> None:
    text = REQUESTS["`data` as an object or array"].split("`")[1]
    push(api, data=json.loads(text))
    assert QueueItem.objects.get().data == text


def test_a_time_with_an_offset_is_converted(api: Api) -> None:
    time = datetime(2025, 4, 26, 12, tzinfo=UTC)
    push(api, created_date=time.isoformat())
    assert QueueItem.objects.get().created_date == timezone.make_naive(time)


def test_a_time_without_an_offset_is_stored_unchanged(api: Api) -> None:
    time = datetime(2025, 4, 26, 12)
    push(api, created_date=time.isoformat())
    assert QueueItem.objects.get().created_date == time


def test_a_status_in_lower_case_is_returned_in_upper_case(api: Api) -> None:
    assert trigger(api, "IDLE", process_status="done").json()["new_status"] == "DONE"


def test_the_second_request_with_a_key_gets_the_first_response(api: Api) -> None:
    assert with_a_key(api).json()["id"] == str(QueueItem.objects.get().pk)


def test_none_of_several_triggers_is_changed(api: Api) -> None:
    trigger(api, "DONE", "FAILED")
    statuses = Trigger.objects.values_list("process_status", flat=True)
    assert sorted(statuses) == ["DONE", "FAILED"]


@pytest.mark.parametrize("part", ["every response", "with a valid key", "401"])
def test_a_response_has_the_headers_of_its_row(api: Api, part: str) -> None:
    _, key = ApiKey.objects.issue("CRM", lifetime=timedelta(days=1))
    response = api.post("/api/queue", {}, X_API_Key="wrong" if part == "401" else key)
    names = re.findall(r"`([\w-]+)`", RESPONSES[part])
    assert names
    assert set(names) <= set(response.headers)


def test_an_error_has_the_members_of_its_row(api: Api) -> None:
    named = set(re.findall(r"`(\w+)`", RESPONSES["body of an error"])) | {"success", "error"}
    responses = [push(api, status=1), trigger(api, "DONE", expected_status="IDLE"), banned(api)]
    assert {name for response in responses for name in response.json()} == named


def test_the_numbers_are_those_of_the_settings() -> None:
    assert (django_settings.RATE_QUEUE, django_settings.RATE_TRIGGER) == ("1000/m", "10/m")
    bans = (django_settings.BAN_AFTER, django_settings.BAN_WINDOW, django_settings.BAN_DURATION)
    assert bans == (5, timedelta(minutes=15), timedelta(hours=1))


def test_the_commands_exist() -> None:
    named = set(re.findall(r"(?:manage\.py |`)(\w+_api_key\w*)", PAGE))
    assert {"import_api_key", "create_api_key", "revoke_api_key"} <= named <= set(get_commands())
