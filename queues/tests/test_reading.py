"""GET /api/queue and GET /api/queue/{id}."""

import json
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import TIMEOUT, Api, Server
from queues import models
from queues.models import QueueItem
from queues.tests.helpers import item
from security.models import Client

pytestmark = pytest.mark.django_db

CREATED = datetime(2025, 4, 26, 12)
NO_ITEM = {"success": False, "error": "No item has this id."}


@pytest.fixture
def api(api: Api) -> Api:
    Client.objects.get().limit(may_read=True)
    return api


def items(number: int, **fields: Any) -> list[QueueItem]:
    """Insert items with the reference `R`, each a second younger; return the youngest first."""
    rows = [
        QueueItem(
            **{
                "queue_name": "Invoices",
                "reference": "R",
                "created_date": CREATED + timedelta(seconds=second),
                **fields,
            }
        )
        for second in range(number)
    ]
    QueueItem.objects.bulk_create(rows, batch_size=100)
    return rows[::-1]


def ids(body: dict[str, Any]) -> list[str]:
    return [each["id"] for each in body["items"]]


def pks(rows: list[QueueItem]) -> list[str]:
    return [str(row.pk) for row in rows]


def search(api: Api, **query: str) -> dict[str, Any]:
    response = api.get("/api/queue", query)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


# One item


def test_it_works(api: Api) -> None:
    row = item(
        status="DONE",
        reference="ExternalRef-456",
        data='{"case_id": "ABC123"}',
        message="Paid 🤖",
        created_by="MySystem",
        created_date=datetime(2025, 4, 26, 12),
        start_date=datetime(2025, 4, 26, 12, 0, 1, 500_000),
        end_date=datetime(2025, 10, 26, 2, 30),
    )
    response = api.get(f"/api/queue/{row.pk}")
    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("success", True),
        ("id", str(row.pk)),
        ("queue_name", "Invoices"),
        ("status", "DONE"),
        ("reference", "ExternalRef-456"),
        ("data", '{"case_id": "ABC123"}'),
        ("message", "Paid 🤖"),
        ("created_by", "MySystem"),
        ("created_date", "2025-04-26T12:00:00"),
        ("start_date", "2025-04-26T12:00:01.500000"),
        ("end_date", "2025-10-26T02:30:00"),
    ]


def test_absent_values_are_null(api: Api) -> None:
    body = api.get(f"/api/queue/{item().pk}").json()
    absent = {"reference", "data", "message", "created_by", "start_date", "end_date"}
    assert {name for name, value in body.items() if value is None} == absent


def test_a_pushed_item_is_read_back(api: Api) -> None:
    pushed = api.post("/api/queue", {"queue_name": " q ", "data": {"a": "æ"}, "reference": ""})
    body = api.get(f"/api/queue/{pushed.json()['id']}").json()
    assert (body["queue_name"], body["data"], body["reference"]) == ("q", '{"a": "æ"}', "")


def test_texts_are_not_trimmed(api: Api) -> None:
    row = item(queue_name=" q ", message="\ttab\n")
    body = api.get(f"/api/queue/{row.pk}").json()
    assert (body["queue_name"], body["message"]) == (" q ", "\ttab\n")


def test_an_unknown_status_is_read_as_stored(api: Api) -> None:
    assert api.get(f"/api/queue/{item(status='Waiting').pk}").json()["status"] == "Waiting"


@pytest.mark.parametrize("form", ["{}", "{0.hex}", "{}/"])
@pytest.mark.parametrize("letter_case", [str.lower, str.upper])
def test_the_id_may_have_dashes_or_none(api: Api, form: str, letter_case: Any) -> None:
    row = item()
    path = letter_case(form.format(row.pk))
    assert api.get(f"/api/queue/{path}").json()["id"] == str(row.pk)


def test_an_unknown_id_is_a_404(api: Api) -> None:
    item()
    response = api.get(f"/api/queue/{uuid4()}")
    assert response.status_code == 404
    assert response.json() == NO_ITEM


IDENTIFIER = "6017cb21-bdab-440c-bca2-0bd6fbb9cb5e"


@pytest.mark.parametrize(
    "segment",
    [
        "x",
        "1",
        IDENTIFIER[:-1],
        f"{IDENTIFIER}0",
        f"%7B{IDENTIFIER}%7D",
        f"urn:uuid:{IDENTIFIER}",
        f"{IDENTIFIER}%0A",
        f"%20{IDENTIFIER}",
        f"{IDENTIFIER}%00",
        "6017cb21bdab-440cbca2-0bd6-fbb9cb5e",
        IDENTIFIER.replace("0", "%D9%A0"),  # a zero in Arabic, which int() takes
        IDENTIFIER.replace("-", "_"),
        "%zz",
        "%ED%A0%80",
        "%FF",
        "x" * 10_000,
        "'%20OR%201=1--",
    ],
)
def test_an_id_that_is_none_is_a_404(api: Api, segment: str) -> None:
    item(id=UUID(IDENTIFIER))
    response = api.get(f"/api/queue/{segment}")
    assert response.status_code == 404
    assert response.json() == NO_ITEM


@pytest.mark.parametrize("path", ["/api/queue/x", "/api/queue", "/api/queue?reference=R"])
def test_a_wrong_key_gets_401_first(api: Api, path: str) -> None:
    assert api.get(path, X_API_Key="wrong").status_code == 401


def test_an_item_takes_one_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = item()
    api.get(f"/api/queue/{row.pk}")
    # the item
    with django_assert_num_queries(1):
        api.get(f"/api/queue/{row.pk}")


def test_an_id_that_is_none_takes_no_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/api/queue/x")
    with django_assert_num_queries(0):
        api.get("/api/queue/x")


# Items with a reference


def test_items_with_a_reference_are_returned_newest_first(api: Api) -> None:
    rows = items(3)
    item(reference="another")
    item()
    body = search(api, reference="R")
    assert body == {
        "success": True,
        "items": [
            {k: v for k, v in api.get(f"/api/queue/{pk}").json().items() if k != "success"}
            for pk in pks(rows)
        ],
    }


def test_no_item_with_the_reference_is_an_empty_list(api: Api) -> None:
    item(reference="another")
    assert search(api, reference="R") == {"success": True, "items": []}


def test_the_path_may_end_in_a_slash(api: Api) -> None:
    assert api.get("/api/queue/", {"reference": "R"}).status_code == 200


def test_the_items_of_one_queue_are_returned(api: Api) -> None:
    rows = items(2)
    items(2, queue_name="Reminders")
    assert ids(search(api, reference="R", queue_name=" Invoices\t")) == pks(rows)


@pytest.mark.parametrize("similar", ["r", "R ", " R", "\uff32", "R\u0301"])
def test_references_are_compared_exactly(api: Api, similar: str) -> None:
    rows = items(1)
    items(1, reference=similar)
    assert ids(search(api, reference="R")) == pks(rows)


@pytest.mark.parametrize("similar", ["invoices", "Invoices ", "Invoices\u200b"])
def test_queue_names_are_compared_exactly(api: Api, similar: str) -> None:
    rows = items(1)
    items(1, queue_name=similar)
    assert ids(search(api, reference="R", queue_name="Invoices")) == pks(rows)


@pytest.mark.parametrize("reference", [" ", " R", "R\n", "🤖" * 100, "%", "æ&=+", "' OR 1=1--"])
def test_any_text_is_a_reference(api: Api, reference: str) -> None:
    rows = items(1, reference=reference)
    items(1, reference="another")
    assert ids(search(api, reference=reference)) == pks(rows)


def test_100_items_are_not_truncated(api: Api) -> None:
    rows = items(100)
    assert search(api, reference="R").keys() == {"success", "items"}
    assert ids(search(api, reference="R")) == pks(rows)


def test_101_items_are_truncated_to_the_newest_100(api: Api) -> None:
    rows = items(101)
    body = search(api, reference="R")
    assert body["truncated"] is True
    assert ids(body) == pks(rows[:100])


def test_items_of_other_queues_do_not_count(api: Api) -> None:
    rows = items(100)
    items(100, queue_name="Reminders")
    body = search(api, reference="R", queue_name="Invoices")
    assert ids(body) == pks(rows)
    assert "truncated" not in body


def test_items_after_1000_rows_are_not_searched(api: Api) -> None:
    items(1, created_date=CREATED - timedelta(1))
    items(1000, queue_name="Reminders")
    body = search(api, reference="R", queue_name="Invoices")
    assert body == {"success": True, "items": [], "truncated": True}


def test_1000_rows_are_searched(api: Api) -> None:
    rows = items(1, created_date=CREATED - timedelta(1))
    items(999, queue_name="Reminders")
    body = search(api, reference="R", queue_name="Invoices")
    assert ids(body) == pks(rows)
    assert "truncated" not in body


def test_items_of_queues_that_are_not_allowed_are_left_out() -> None:
    rows = items(100)
    items(100, queue_name="Salaries", created_date=CREATED + timedelta(1))
    found = QueueItem.objects.newest_with_reference(
        "R", is_allowed=lambda queue_name: queue_name == "Invoices"
    )
    assert found == (rows, False)


def test_long_messages_are_truncated_to_a_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MOST_TEXT", 250)
    rows = items(3, message=" " * (50 if connection.vendor == "microsoft" else 100))
    body = search(api, reference="R")
    assert ids(body) == pks(rows[:2])
    assert body["truncated"] is True


def test_an_item_with_a_message_of_any_size_is_returned(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST_TEXT", 10)
    rows = items(1, message="x" * 100)
    body = search(api, reference="R")
    assert ids(body) == pks(rows)
    assert "truncated" not in body


def test_a_search_takes_two_queries(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    items(101)
    search(api, reference="R")
    # ids, references and queues of the newest 1001; the newest 100 items
    with django_assert_num_queries(2):
        search(api, reference="R")


def test_a_search_without_result_takes_one_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    search(api, reference="R")
    # ids, references and queues of the newest 1001
    with django_assert_num_queries(1):
        search(api, reference="R")


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="plans differ between databases")
def test_a_search_reads_one_index_in_order(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    search(api, reference="R")
    with django_assert_num_queries(1) as queries:
        search(api, reference="R")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
        plan = [row[3] for row in cursor.fetchall()]
    assert plan == ["SEARCH Queues USING INDEX ix_Queues_reference_created (reference=?)"]


# Hostile queries


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "reference"),
        ("reference", "reference"),
        ("reference=", "reference"),
        ("Reference=R", "reference"),
        ("queue_name=Invoices", "reference"),
        ("reference=R%00", "reference"),
        (f"reference={'x' * 101}", "reference"),
        (f"reference={'x' * 60_000}", "reference"),
        ("reference=R&reference=", "reference"),
        ("reference=R&queue_name=", "queue_name"),
        ("reference=R&queue_name=%20", "queue_name"),
        ("reference=R&queue_name=%00", "queue_name"),
        (f"reference=R&queue_name={'x' * 101}", "queue_name"),
    ],
)
def test_an_invalid_query_is_a_400(api: Api, query: str, field: str) -> None:
    items(1)
    response = api.get(f"/api/queue?{query}")
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {field}


def test_more_than_1000_parameters_are_a_400(api: Api) -> None:
    query = "&".join(f"p{number}=1" for number in range(2000))
    response = api.get(f"/api/queue?reference=R&{query}")
    assert response.status_code == 400
    assert response.json()["success"] is False


@pytest.mark.parametrize(
    "query",
    [
        "reference=%ED%A0%80",  # a lone surrogate
        "reference=%FF%FE",
        "reference=%zz",
        "reference=%",
        "reference=\udcff",
        "reference=a;reference=b",
        "&&&reference=a&=&==",
        "reference=a&reference[]=b&reference[$ne]=c",
        "reference=a&limit=1000000&queue_name__contains=x",
    ],
)
def test_a_malformed_query_finds_nothing(api: Api, query: str) -> None:
    items(1)
    response = api.client.get(
        "/api/queue",
        headers={"X-API-Key": api.key},
        QUERY_STRING=query.encode(errors="surrogateescape").decode("latin-1"),
    )
    assert response.status_code == 200
    assert response.json() == {"success": True, "items": []}


def test_the_last_of_repeated_parameters_counts(api: Api) -> None:
    rows = items(1)
    assert ids(api.get("/api/queue?reference=another&reference=R").json()) == pks(rows)


def test_a_body_is_ignored(api: Api) -> None:
    rows = items(1)
    response = api.client.generic(
        "GET", "/api/queue?reference=R", b"\xff", "text/plain", headers={"X-API-Key": api.key}
    )
    assert ids(response.json()) == pks(rows)


# Conditional requests


@pytest.fixture(params=["item", "search"])
def path(request: pytest.FixtureRequest, db: None) -> str:
    [row] = items(1)
    return f"/api/queue/{row.pk}" if request.param == "item" else "/api/queue?reference=R"


def test_a_response_may_be_kept_by_its_client_only(api: Api, path: str) -> None:
    assert api.get(path)["Cache-Control"] == "private, no-cache"


def test_an_error_may_be_kept_by_its_client_only(api: Api) -> None:
    assert api.get("/api/queue/x")["Cache-Control"] == "private, no-cache"


def test_an_unchanged_response_is_a_304(api: Api, path: str) -> None:
    etag = api.get(path)["ETag"]
    response = api.get(path, If_None_Match=etag)
    assert response.status_code == 304
    assert response.content == b""
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in response


def test_a_304_has_the_rate_headers(api: Api, path: str) -> None:
    etag = api.get(path)["ETag"]
    response = api.get(path, If_None_Match=etag)
    assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(response.headers)


@pytest.mark.parametrize("form", ["W/{}", '"x", {}', '"x", W/{}', "*"])
def test_if_none_match_may_be_weak_or_a_list(api: Api, path: str, form: str) -> None:
    etag = api.get(path)["ETag"]
    assert api.get(path, If_None_Match=form.format(etag)).status_code == 304


def test_a_changed_response_is_a_200(api: Api, path: str) -> None:
    etag = api.get(path)["ETag"]
    QueueItem.objects.update(status="DONE")
    response = api.get(path, If_None_Match=etag)
    assert response.status_code == 200
    assert response["ETag"] != etag


@pytest.mark.parametrize("value", ["", "x", '"', '"x"', "W/", ",,,", "\udcff", '"' * 10_000])
def test_another_if_none_match_is_a_200(api: Api, path: str, value: str) -> None:
    sent = value.encode(errors="surrogateescape").decode("latin-1")
    assert api.get(path, If_None_Match=sent).status_code == 200


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since", "If-Modified-Since", "Range"])
def test_other_conditions_are_ignored(api: Api, path: str, name: str) -> None:
    value = "Sat, 26 Apr 2025 12:00:00 GMT" if name.endswith("Since") else '"x"'
    response = api.client.get(path, headers={"X-API-Key": api.key, name: value})
    assert response.status_code == 200


def test_a_404_stays_a_404(api: Api) -> None:
    response = api.get("/api/queue/x", If_None_Match="*")
    assert response.status_code == 404
    assert "ETag" not in response


def test_a_push_has_no_etag(api: Api) -> None:
    response = api.post("/api/queue", {"queue_name": "q"}, If_None_Match="*")
    assert response.status_code == 201
    assert not {"ETag", "Cache-Control"} & set(response.headers)


def test_head_has_the_headers_of_get(
    api: Api, transactional_db: None, shared_server: Server
) -> None:
    [row] = items(1)
    for path in (f"/api/queue/{row.pk}", "/api/queue?reference=R"):
        got, body = shared_server.request("GET", path, X_API_Key=api.key)
        head, nothing = shared_server.request("HEAD", path, X_API_Key=api.key)
        assert (got.status, head.status, nothing) == (200, 200, b"")
        assert json.loads(body)["success"] is True
        for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
            assert head.headers[name] == got.headers[name]


def test_a_304_of_a_server_has_no_body(
    api: Api, transactional_db: None, shared_server: Server
) -> None:
    [row] = items(1)
    path = f"/api/queue/{row.pk}"
    etag = str(shared_server.request("GET", path, X_API_Key=api.key)[0].headers["ETag"])
    for method in ("GET", "HEAD"):
        response, body = shared_server.request(method, path, X_API_Key=api.key, If_None_Match=etag)
        assert (response.status, body) == (304, b"")
        assert response.headers["ETag"] == etag
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_304_keeps_the_connection_unless_asked_not_to(
    api: Api, transactional_db: None, shared_server: Server, connection: str
) -> None:
    [row] = items(1)
    path = f"/api/queue/{row.pk}"
    etag = str(shared_server.request("GET", path, X_API_Key=api.key)[0].headers["ETag"])
    headers = {"X-API-Key": api.key, "If-None-Match": etag, "Connection": connection}
    with closing(HTTPConnection("127.0.0.1", shared_server.port, timeout=TIMEOUT)) as client:
        for _ in range(2):
            client.request("GET", path, headers=headers)
            response = client.getresponse()
            response.read()
            assert response.status == 304
            assert response.will_close is (connection == "close")
            assert "Content-Length" not in response.headers
