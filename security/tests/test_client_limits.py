"""What a client may do, and the response outside of that."""

from datetime import datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import Api, ClientResponse
from queues.models import QueueItem
from security.cache import MAX_AGE
from security.models import ApiKey, BannedIP, Client, FailedAttempt
from security.models.clients import matches
from security.tests.helpers import ITEM, invalidate_caches, right
from triggers.models import SingleTrigger, Trigger

pytestmark = pytest.mark.django_db


def limit(**limits: Any) -> None:
    Client.objects.get(name="ERP").limit(**limits)


def not_allowed(response: ClientResponse) -> str:
    """Return what the client may not do, by a 403 of the usual shape."""
    body = response.json()
    assert response.status_code == 403
    assert body.keys() == {"success", "error", "reason"}
    assert (body["success"], body["reason"]) == (False, "not_allowed")
    start, end = "This client may not ", "; ask the operators to allow it."
    assert body["error"].startswith(start)
    assert body["error"].endswith(end)
    return body["error"].removeprefix(start).removesuffix(end)  # type: ignore[no-any-return]


def push(api: Api, queue_name: str) -> ClientResponse:
    return api.post("/api/queue", {"queue_name": queue_name})


def test_a_new_client_may_push_and_trigger_but_not_read(api: Api) -> None:
    client = Client.objects.get()
    assert (client.may_push, client.may_trigger, client.may_read) == (True, True, False)
    assert (client.queues, client.triggers, client.networks, client.note) == ("", "", "", "")


def test_a_client_that_may_not_push_gets_403(api: Api) -> None:
    limit(may_push=False)
    assert not_allowed(api.post("/api/queue", ITEM)) == "push queue items"
    assert not QueueItem.objects.exists()
    assert api.post("/api/trigger", {"trigger_name": "none"}).status_code == 404


def test_a_client_that_may_not_trigger_gets_403(api: Api) -> None:
    limit(may_trigger=False)
    response = api.post("/api/trigger", {"trigger_name": "t"})
    assert not_allowed(response) == "set the status of triggers"
    assert right(api) == 201


def test_a_client_is_limited_to_its_queues(api: Api) -> None:
    limit(queues="Invoices\nHR*")
    assert not_allowed(push(api, "Payroll")) == "use the queue 'Payroll'"
    assert [push(api, name).status_code for name in ("Invoices", "HR", "HR-2")] == [201] * 3
    assert QueueItem.objects.count() == 3


def test_a_queue_is_compared_after_trimming(api: Api) -> None:
    limit(queues="Invoices")
    assert push(api, "  Invoices ").status_code == 201


def test_a_client_is_limited_to_its_triggers(api: Api) -> None:
    for name in ("Nightly", "Invoices"):
        SingleTrigger.objects.create(
            trigger_name=name, process_status="DONE", next_run=timezone.now()
        )
    limit(triggers="Inv*")
    response = api.post("/api/trigger", {"trigger_name": "Nightly"})
    assert not_allowed(response) == "use the trigger 'Nightly'"
    assert Trigger.objects.get(trigger_name="Nightly").process_status == "DONE"
    assert api.post("/api/trigger", {"trigger_name": "Invoices"}).status_code == 200


def test_a_trigger_outside_of_the_limits_need_not_exist(api: Api) -> None:
    limit(triggers="Inv*")
    assert api.post("/api/trigger", {"trigger_name": "none"}).status_code == 403


@pytest.mark.parametrize("ip", ["10.20.0.7", "2001:db8::1", "192.0.2.1"])
def test_a_client_may_call_from_its_networks(api: Api, settings: Settings, ip: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    limit(networks="10.20.0.0/16\n2001:db8::/32\n::ffff:192.0.2.1")
    assert right(api, X_Forwarded_For=ip) == 201


@pytest.mark.parametrize("ip", ["10.21.0.7", "2001:db9::1", "192.0.2.2"])
def test_a_client_may_not_call_from_elsewhere(api: Api, settings: Settings, ip: str) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    limit(networks="10.20.0.0/16\n2001:db8::/32\n::ffff:192.0.2.1")
    response = api.post("/api/queue", ITEM, X_Forwarded_For=ip)
    assert not_allowed(response) == "call from this IP"


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("a", "", True),
        ("a", " \n\r\n", True),
        ("a", "a", True),
        ("a", "b\r\n a \r\n", True),
        ("A", "a", False),
        ("ab", "a", False),
        ("a ", "a", False),
        ("\uff41", "a", False),
        ("æ", "Æ*", False),
        ("ab", "a*", True),
        ("a", "a*", True),
        ("ba", "a*", False),
        ("anything", "*", True),
        ("a?", "a?", True),
        ("ab", "a?", False),
        ("ab", "a[b]", False),
        ("a\u2028b", "b", False),
        ("a\u2028b", "a\u2028b", True),
    ],
)
def test_names_are_compared_exactly(name: str, patterns: str, expected: bool) -> None:
    assert matches(name, patterns) is expected


@pytest.mark.parametrize(
    "limits",
    [
        {"queues": "a*b"},
        {"triggers": "ok\n**"},
        {"networks": "10.0.0.1/8"},
        {"networks": "10.0.0.0/8, 10.1.0.0/16"},
        {"networks": "example.org"},
    ],
)
def test_invalid_limits_are_refused(api: Api, limits: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        limit(**limits)
    assert right(api) == 201


@pytest.mark.parametrize(
    "path", ["/api/queue?reference=R", f"/api/queue/{UUID(int=1)}", "/api/trigger?trigger_name=t"]
)
def test_a_client_that_may_not_read_gets_403(api: Api, path: str) -> None:
    assert not_allowed(api.get(path)) == "read queue items and triggers"


def test_a_client_reads_no_items_of_other_queues(api: Api) -> None:
    mine = QueueItem.objects.create(queue_name="HR-2", reference="R")
    other = QueueItem.objects.create(queue_name="Payroll", reference="R")
    limit(may_read=True, queues="HR*")
    assert [item["id"] for item in api.get("/api/queue?reference=R").json()["items"]] == [
        str(mine.pk)
    ]
    assert api.get(f"/api/queue/{mine.pk}").status_code == 200
    hidden, absent = api.get(f"/api/queue/{other.pk}"), api.get(f"/api/queue/{uuid4()}")
    assert (hidden.status_code, hidden.content) == (404, absent.content)


def test_a_client_that_names_another_queue_or_trigger_to_read_gets_403(api: Api) -> None:
    limit(may_read=True, queues="HR*", triggers="T1")
    response = api.get("/api/queue?reference=R&queue_name=Payroll")
    assert not_allowed(response) == "use the queue 'Payroll'"
    assert not_allowed(api.get("/api/trigger?trigger_name=T2")) == "use the trigger 'T2'"
    assert api.get("/api/trigger?trigger_name=T1").status_code == 404


def test_reads_are_counted_together_and_apart_from_pushes(api: Api) -> None:
    limit(may_read=True)
    paths = ["/api/queue?reference=R", f"/api/queue/{uuid4()}", "/api/trigger?trigger_name=t"]
    assert [api.get(path)["RateLimit-Remaining"] for path in paths] == ["999", "998", "997"]
    assert api.post("/api/queue", ITEM)["RateLimit-Remaining"] == "999"


def test_a_403_is_no_failed_attempt(api: Api) -> None:
    limit(may_push=False, triggers="none")
    for _ in range(6):
        assert api.post("/api/queue", ITEM).status_code == 403
        assert api.post("/api/trigger", {"trigger_name": "t"}).status_code == 403
    assert not FailedAttempt.objects.exists()
    assert not BannedIP.objects.exists()


def test_a_403_counts_against_the_rate(api: Api) -> None:
    limit(may_push=False)
    left = [api.post("/api/queue", ITEM)["RateLimit-Remaining"] for _ in range(2)]
    assert left == ["999", "998"]


def test_limits_cost_no_query(api: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    limit(queues="q\nHR*", networks="127.0.0.0/8")
    right(api)
    with django_assert_num_queries(1):  # INSERT the item
        assert right(api) == 201
    with django_assert_num_queries(0):
        assert push(api, "Payroll").status_code == 403


def test_the_first_request_reads_the_key_and_its_client_at_once(api: Api) -> None:
    limit(queues="q")
    with CaptureQueriesContext(connection) as queries:
        assert right(api) == 201
    assert sum('FROM "security_apikey"' in query["sql"] for query in queries) <= 1
    assert not [query for query in queries if 'FROM "security_client"' in query["sql"]]


def test_a_change_takes_effect_in_this_process_at_once(api: Api) -> None:
    assert right(api) == 201
    limit(may_push=False)
    assert right(api) == 403
    limit(may_push=True)
    assert right(api) == 201


def test_a_rotation_keeps_the_limits(api: Api) -> None:
    limit(queues="q", may_read=True)
    key, plaintext = ApiKey.objects.rotate("ERP", timedelta(hours=1))
    assert (key.client.queues, key.client.may_read) == ("q", True)
    assert not_allowed(Api(api.client, plaintext).post("/api/queue", {"queue_name": "x"}))


def test_a_change_by_another_process_takes_effect_when_the_cache_has_aged(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert right(api) == 201
    Client.objects.update(may_push=False)  # without the model's own method, as another process
    assert right(api) == 201
    now = perf_counter()
    monkeypatch.setattr("security.cache.perf_counter", lambda: now + MAX_AGE)
    assert right(api) == 403


def test_responses_have_the_end_of_the_key(api: Api) -> None:
    ApiKey.objects.update(expires=datetime(2099, 7, 1, 12))
    invalidate_caches()
    expires = datetime.fromisoformat(api.post("/api/queue", ITEM)["X-API-Key-Expires"])
    assert expires == timezone.make_aware(datetime(2099, 7, 1, 12))
    assert expires.utcoffset() is not None


@pytest.mark.parametrize("code", [400, 403, 404, 405, 415, 429])
def test_errors_have_the_end_of_the_key(api: Api, code: int) -> None:
    ApiKey.objects.update(expires=datetime(2099, 7, 1, 12))
    invalidate_caches()
    if code == 403:
        limit(may_push=False)
    if code == 429:
        for _ in range(10):
            api.post("/api/trigger", {"trigger_name": "t"})
    response = {
        400: lambda: api.post("/api/queue", {}),
        403: lambda: api.post("/api/queue", ITEM),
        404: lambda: api.post("/api/trigger", {"trigger_name": "t"}),
        405: lambda: api.client.put("/api/queue", headers={"X-API-Key": api.key}),
        415: lambda: api.post("/api/queue", ITEM, Content_Type="text/plain"),
        429: lambda: api.post("/api/trigger", {"trigger_name": "t"}),
    }[code]()
    assert response.status_code == code
    assert response["X-API-Key-Expires"].startswith("2099-07-01T12:00:00")


def test_a_key_without_an_end_has_no_such_header(api: Api) -> None:
    assert "X-API-Key-Expires" not in api.post("/api/queue", ITEM)


def test_a_wrong_key_has_no_such_header(api: Api) -> None:
    ApiKey.objects.update(expires=datetime(2099, 7, 1, 12))
    assert "X-API-Key-Expires" not in api.post("/api/queue", ITEM, X_API_Key="wrong")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_a_method_without_an_action_needs_no_permission(api: Api, method: str) -> None:
    limit(may_push=False)
    response = api.client.generic(method, "/api/queue", headers={"X-API-Key": api.key})
    assert response.status_code == 405
    assert response["RateLimit"].startswith('"queue";r=999;')


def test_a_method_without_an_action_counts_on_the_rate_of_its_url(api: Api) -> None:
    response = api.post(f"/api/queue/{uuid4()}", ITEM)
    assert response.status_code == 405
    assert response["RateLimit"].startswith('"read";r=999;')
