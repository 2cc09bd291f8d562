"""POST /api/queue by its contract."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.models import ApiKey

pytestmark = pytest.mark.django_db

EXAMPLE = {
    "queue_name": "SomeQueue",
    "status": "NEW",
    "data": {"case_id": "ABC123", "reference_id": "XYZ-001"},
    "reference": "ExternalRef-456",
    "created_by": "MySystem",
    "created_date": "2025-04-26T12:00:00",
    "message": "Created from external system",
}


def push(api: Api, **fields: Any) -> QueueItem:
    """Post these fields, and return the new row."""
    response = api.post("/api/queue", {"queue_name": "q", **fields})
    assert response.status_code == 201, response.content
    return QueueItem.objects.get(pk=response.json()["id"])


def errors(api: Api, **fields: Any) -> dict[str, list[str]]:
    """Post these fields, which make no row, and return the messages by field."""
    response = api.post("/api/queue", {"queue_name": "q", **fields})
    assert response.status_code == 400, response.content
    assert not QueueItem.objects.exists()
    fields_with_errors: dict[str, list[str]] = response.json()["fields"]
    return fields_with_errors


def test_it_works(api: Api) -> None:
    response = api.post("/api/queue", EXAMPLE)

    assert response.status_code == 201
    item = QueueItem.objects.get()
    assert response.json() == {"success": True, "id": str(item.pk)}
    assert item.queue_name == "SomeQueue"
    assert item.status == "NEW"
    assert item.data == '{"case_id": "ABC123", "reference_id": "XYZ-001"}'
    assert item.reference == "ExternalRef-456"
    assert item.created_by == "MySystem"
    assert item.created_date == datetime(2025, 4, 26, 12)
    assert item.message == "Created from external system"
    assert item.start_date is None
    assert item.end_date is None


def test_only_the_queue_name_is_required(api: Api) -> None:
    before = timezone.now()
    item = push(api)

    assert item.status == "NEW"
    assert before - timedelta(milliseconds=5) <= item.created_date <= timezone.now()
    assert (item.data, item.reference, item.message, item.created_by) == (None, None, None, None)


def test_the_id_is_a_uuid_with_dashes(api: Api) -> None:
    identifier = api.post("/api/queue", {"queue_name": "q"}).json()["id"]
    assert str(UUID(identifier)) == identifier


def test_the_path_may_end_in_a_slash(api: Api) -> None:
    assert api.post("/api/queue/", {"queue_name": "q"}).status_code == 201


def test_unknown_fields_are_ignored(api: Api) -> None:
    push(api, id="00000000-0000-0000-0000-000000000000", start_date="2020-01-01", colour="blue")
    item = QueueItem.objects.get()
    assert item.pk.int != 0
    assert item.start_date is None


def test_a_first_push_takes_four_queries(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # the bans; the keys; the INSERT; the client IPs with failed attempts
    with django_assert_num_queries(4):
        api.post("/api/queue", EXAMPLE)


def test_a_push_soon_after_that_of_another_client_takes_one_query(
    api: Api, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    _, other = ApiKey.objects.issue("HR", lifetime=None)
    api.post("/api/queue", EXAMPLE)
    # the INSERT
    with django_assert_num_queries(1):
        api.post("/api/queue", EXAMPLE, X_API_Key=other, X_Forwarded_For="203.0.113.9")


def test_a_push_soon_after_takes_one_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.post("/api/queue", EXAMPLE)
    # the INSERT
    with django_assert_num_queries(1):
        api.post("/api/queue", EXAMPLE)


def test_an_invalid_push_takes_no_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.post("/api/queue", EXAMPLE)
    with django_assert_num_queries(0):
        api.post("/api/queue", {})


# queue_name


def test_queue_name_is_trimmed(api: Api) -> None:
    assert push(api, queue_name=" \t Invoices\n").queue_name == "Invoices"


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "\u00a0"])
def test_queue_name_may_not_be_empty_after_trimming(api: Api, name: str) -> None:
    assert errors(api, queue_name=name) == {"queue_name": ["This field may not be blank."]}


def test_queue_name_has_up_to_100_characters_after_trimming(api: Api) -> None:
    assert push(api, queue_name=" " + "x" * 100 + " ").queue_name == "x" * 100


def test_queue_name_of_101_characters_is_a_400(api: Api) -> None:
    assert "100 characters" in errors(api, queue_name="x" * 101)["queue_name"][0]


def test_queue_name_of_100_emoji_is_stored(api: Api) -> None:
    assert push(api, queue_name="🤖" * 100).queue_name == "🤖" * 100


def test_the_error_names_a_missing_queue_name(api: Api) -> None:
    response = api.post("/api/queue", {"status": "NEW"})
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "queue_name: This field is required.",
        "fields": {"queue_name": ["This field is required."]},
    }


def test_all_invalid_fields_are_reported(api: Api) -> None:
    fields = errors(api, queue_name="", status="new-ish", data=5, created_date="soon")
    assert set(fields) == {"queue_name", "status", "data", "created_date"}


# status


@pytest.mark.parametrize("status", ["NEW", "IN_PROGRESS", "DONE", "FAILED", "ABANDONED"])
@pytest.mark.parametrize("letter_case", [str.upper, str.lower, str.title, str.swapcase])
def test_status_is_stored_in_upper_case(
    api: Api, status: str, letter_case: Callable[[str], str]
) -> None:
    assert push(api, status=letter_case(status)).status == status


@pytest.mark.parametrize("status", ["", " NEW", "NEW ", "IN PROGRESS", "QUEUED", "ABANDONED\n"])
def test_another_status_is_a_400(api: Api, status: str) -> None:
    assert errors(api, status=status)["status"] == [
        "Must be one of NEW, IN_PROGRESS, DONE, FAILED, ABANDONED."
    ]


@pytest.mark.parametrize("status", ["fa\u0131led", "IN_PROGRE\u017fS", "ABANDONED\u0345"])
def test_letters_that_become_ascii_in_upper_case_are_a_400(api: Api, status: str) -> None:
    assert "status" in errors(api, status=status)


# data


def test_data_as_text_is_stored_unchanged(api: Api) -> None:
    assert push(api, data=' {"a":1} ').data == ' {"a":1} '


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"case": "ABC", "n": 1.5, "ok": True, "none": None, "deep": {"list": [1, [2]]}},
        ["æøå", "漢字", "🤖", 'quote " and \\ and \n', "\u2028", "\u0000"],
        [2**64, -(2**63), 1e-7, 1e300, 12345678901234567890123],
    ],
)
def test_data_as_object_or_array_becomes_json_text(api: Api, value: Any) -> None:
    assert push(api, data=value).data == json.dumps(value, ensure_ascii=False)


def test_data_keeps_the_order_of_keys(api: Api) -> None:
    body = b'{"queue_name": "q", "data": {"b": 1, "a": 2}}'
    assert api.post("/api/queue", body).status_code == 201
    assert QueueItem.objects.get().data == '{"b": 1, "a": 2}'


@pytest.mark.parametrize("value", [5, 0, 1.5, True, False])
def test_data_as_number_or_boolean_is_a_400(api: Api, value: float) -> None:
    assert errors(api, data=value) == {"data": ["Must be a text, an object or an array."]}


def test_data_has_up_to_2000_characters_of_text(api: Api) -> None:
    assert push(api, data="x" * 2000).data == "x" * 2000


def test_data_of_2000_emoji_is_stored(api: Api) -> None:
    assert push(api, data="🤖" * 2000).data == "🤖" * 2000


def test_data_of_2001_characters_is_a_400(api: Api) -> None:
    assert "2000 characters" in errors(api, data="x" * 2001)["data"][0]


def test_the_limit_of_data_applies_to_the_json_text(api: Api) -> None:
    fits = ["x" * 1996]  # and ["..."] around it
    assert push(api, data=fits).data == json.dumps(fits)


def test_data_with_a_json_text_over_the_limit_is_a_400(api: Api) -> None:
    assert "2000 characters" in errors(api, data=["x" * 1997])["data"][0]


# reference, message, created_by


@pytest.mark.parametrize("field", ["data", "reference", "message", "created_by"])
@pytest.mark.parametrize("text", ["", " ", "  kept  ", "line\r\nline"])
def test_texts_are_stored_unchanged(api: Api, field: str, text: str) -> None:
    assert getattr(push(api, **{field: text}), field) == text


@pytest.mark.parametrize("field", ["reference", "created_by"])
def test_reference_and_created_by_have_up_to_100_characters(api: Api, field: str) -> None:
    assert getattr(push(api, **{field: "🤖" * 100}), field) == "🤖" * 100


@pytest.mark.parametrize("field", ["reference", "created_by"])
def test_reference_and_created_by_of_101_characters_are_a_400(api: Api, field: str) -> None:
    assert "100 characters" in errors(api, **{field: "x" * 101})[field][0]


def test_message_has_no_limit(api: Api) -> None:
    assert push(api, message="x" * 500_000).message == "x" * 500_000


@pytest.mark.parametrize(
    "field", ["queue_name", "status", "reference", "message", "created_by", "created_date"]
)
@pytest.mark.parametrize("value", [5, 1.5, True, ["x"], {"x": 1}])
def test_other_types_are_not_converted_to_text(api: Api, field: str, value: Any) -> None:
    assert errors(api, **{field: value}) == {field: ["Must be a text."]}


# null and absent


@pytest.mark.parametrize(
    "field", ["status", "data", "reference", "message", "created_by", "created_date"]
)
def test_null_means_absent(api: Api, field: str) -> None:
    item = push(api, **{field: None})
    assert item.status == "NEW"
    assert abs(item.created_date - timezone.now()) < timedelta(minutes=1)
    assert (item.data, item.reference, item.message, item.created_by) == (None, None, None, None)


def test_a_null_queue_name_is_a_400(api: Api) -> None:
    assert errors(api, queue_name=None) == {"queue_name": ["This field is required."]}


def test_an_empty_created_date_means_absent(api: Api) -> None:
    assert abs(push(api, created_date="").created_date - timezone.now()) < timedelta(minutes=1)


# created_date


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-04-26", datetime(2025, 4, 26)),
        ("2025-04-26T12:00:00", datetime(2025, 4, 26, 12)),
        ("2025-04-26 12:00", datetime(2025, 4, 26, 12)),
        ("2025-04-26T12:00:00.5", datetime(2025, 4, 26, 12, 0, 0, 500_000)),
        ("2025-04-26T12:00:00.123456", datetime(2025, 4, 26, 12, 0, 0, 123_456)),
        ("2025-04-26T12:00:00.123456789", datetime(2025, 4, 26, 12, 0, 0, 123_456)),
        ("20250426", datetime(2025, 4, 26)),
        ("20250426T120000", datetime(2025, 4, 26, 12)),
        ("2025-W17-6", datetime(2025, 4, 26)),
        ("2025-04-26T12", datetime(2025, 4, 26, 12)),
        ("2025-04-26t12:00:00", datetime(2025, 4, 26, 12)),
        ("2025-04-26T12:00:00,5", datetime(2025, 4, 26, 12, 0, 0, 500_000)),
        ("1753-01-01", datetime(1753, 1, 1)),
        ("9999-12-31T23:59:59", datetime(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_a_time_without_offset_is_stored_unchanged(api: Api, text: str, stored: datetime) -> None:
    assert push(api, created_date=text).created_date == stored


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-01-15T12:00:00Z", datetime(2025, 1, 15, 13)),
        ("2025-07-15T12:00:00Z", datetime(2025, 7, 15, 14)),
        ("2025-07-15t12:00:00z", datetime(2025, 7, 15, 14)),
        ("2025-07-15T12:00+02", datetime(2025, 7, 15, 12)),
        ("20250715T120000Z", datetime(2025, 7, 15, 14)),
        ("2025-07-15T12:00:00+02:00", datetime(2025, 7, 15, 12)),
        ("2025-07-15T12:00:00.25-0430", datetime(2025, 7, 15, 18, 30, 0, 250_000)),
        ("2024-12-31T23:30:00Z", datetime(2025, 1, 1, 0, 30)),
        # The hour that Copenhagen skips, and both passes of the one that it repeats.
        ("2025-03-30T00:59:59Z", datetime(2025, 3, 30, 1, 59, 59)),
        ("2025-03-30T01:00:00Z", datetime(2025, 3, 30, 3)),
        ("2025-10-26T00:30:00Z", datetime(2025, 10, 26, 2, 30)),
        ("2025-10-26T01:30:00Z", datetime(2025, 10, 26, 2, 30)),
    ],
)
def test_a_time_with_offset_is_converted_to_the_servers_zone(
    api: Api, settings: Settings, text: str, stored: datetime
) -> None:
    settings.TIME_ZONE = "Europe/Copenhagen"
    assert push(api, created_date=text).created_date == stored


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        " ",
        "2025-13-01",
        "2025-02-30T00:00:00",
        "2025-04-26T25:00:00",
        "2025-04-26T12:00:00+99:99",
        "26-04-2025",
        "1745668800",
        "2025-04-26T12:00:00\x00",
        "2025-04-26\x0012:00:00",
        "2025-04-26x12:00:00",
        "2025-04-26+02:00",
        "2025-04-26-05:00",
        "2025-04-26Z",
        "1760123112000",
        "2025042612000",
        "2025-04-26012:00",
        "2025-04-26,12:00",
        "2025-04-26W12:00:00",
        "2025-04-26T12:00:00+02:00Z",
        "2025-04-26T12:00:00 Europe/Copenhagen",
        "2025-04",
        "\ud800",
    ],
)
def test_an_invalid_created_date_is_a_400(api: Api, text: str) -> None:
    assert "ISO 8601" in errors(api, created_date=text)["created_date"][0]


@pytest.mark.parametrize(
    "text",
    [
        "1752-12-31T23:59:59",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.999",
    ],
)
def test_a_created_date_outside_of_the_range_of_datetime_is_a_400(api: Api, text: str) -> None:
    assert errors(api, created_date=text) == {
        "created_date": ["Must lie between the years 1753 and 9999."]
    }


def test_a_created_date_outside_of_the_range_after_conversion_is_a_400(
    api: Api, settings: Settings
) -> None:
    settings.TIME_ZONE = "Europe/Copenhagen"
    assert "created_date" in errors(api, created_date="1753-01-01T00:00:00+05:00")


def test_requests_do_not_affect_each_other(api: Api) -> None:
    api.post("/api/queue", {"queue_name": "q", "data": "x", "reference": "r", "status": "DONE"})
    api.post("/api/queue", {"queue_name": "", "reference": 1})
    api.post("/api/queue", {"queue_name": "q"})
    last = QueueItem.objects.latest("created_date")
    assert (last.data, last.reference, last.status) == (None, None, "NEW")
