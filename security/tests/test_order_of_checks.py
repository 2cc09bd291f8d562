"""The order in which the faults of a request are found."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from django.utils import timezone

from queueapi.tests.helpers import Api
from security.models import BannedIP, Client
from security.tests.helpers import wrong
from triggers.models import SingleTrigger
from triggers.views import TriggerViewSet

pytestmark = pytest.mark.django_db

# Faults in the order of their checks, with the status and the reason of their responses.
FAULTS: dict[str, tuple[int, str | None]] = {
    "banned": (403, "banned"),
    "key": (401, None),
    "rate": (429, None),
    "network": (403, "not_allowed"),
    "permission": (403, "not_allowed"),
    "content type": (415, None),
    "idempotency key": (400, None),
    "body": (400, None),
    "name": (403, "not_allowed"),
    "other input": (422, None),
    "write": (409, None),
}


def commit(fault: str, api: Api, monkeypatch: pytest.MonkeyPatch, request: dict[str, Any]) -> None:
    """Make the request wrong in one way."""
    client = Client.objects.get()
    match fault:
        case "banned":
            wrong(Api(api.client, "wrong"), 5)
            assert BannedIP.objects.active().exists()
        case "key":
            request["X_API_Key"] = "wrong"
        case "rate":
            limit = TriggerViewSet.limits["set_status"]
            monkeypatch.setitem(TriggerViewSet.limits, "set_status", replace(limit, rate="1/d"))
            api.post("/api/trigger", {})
        case "network":
            client.limit(networks="192.0.2.1")
        case "permission":
            client.limit(may_trigger=False)
        case "content type":
            request["Content_Type"] = "text/plain"
        case "idempotency key":
            request["Idempotency_Key"] = "a,b"
        case "body":
            request["body"] = b"{"
        case "name":
            client.limit(triggers="other")
        case "other input":
            request["Idempotency_Key"] = "known"
        case "write":
            request["body"] = {"trigger_name": "t", "expected_status": "RUNNING"}


# The same request can't have these together.
EXCLUSIVE = [{"idempotency key", "other input"}, {"body", "write"}]


@pytest.mark.parametrize(
    ("first", "second"),
    [pair for pair in combinations(FAULTS, 2) if set(pair) not in EXCLUSIVE],
)
def test_the_first_fault_decides(
    api: Api, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    SingleTrigger.objects.create(trigger_name="t", next_run=timezone.now())
    known = {"trigger_name": "t", "process_status": "DONE"}
    assert api.post("/api/trigger", known, Idempotency_Key="known").status_code == 200
    request: dict[str, Any] = {"body": {"trigger_name": "t"}}
    for fault in sorted((first, second), key=list(FAULTS).index, reverse=True):
        commit(fault, api, monkeypatch, request)
    response = api.post("/api/trigger", **request)
    expected_status, reason = FAULTS[first]
    assert response.status_code == expected_status
    assert response.json().get("reason") == reason


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_has_its_response(
    api: Api, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    SingleTrigger.objects.create(trigger_name="t", next_run=timezone.now())
    known = {"trigger_name": "t", "process_status": "DONE"}
    api.post("/api/trigger", known, Idempotency_Key="known")
    request: dict[str, Any] = {"body": {"trigger_name": "t"}}
    commit(fault, api, monkeypatch, request)
    response = api.post("/api/trigger", **request)
    assert (response.status_code, response.json().get("reason")) == FAULTS[fault]
