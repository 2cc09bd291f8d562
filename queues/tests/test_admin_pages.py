"""The pages of the list of queue items, and the indexes by which they are read."""

import re
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from queueapi.admin import change_list
from queueapi.tests.helpers import SignIn, messages_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, item, select_action

pytestmark = pytest.mark.django_db
on_sqlite = pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="EXPLAIN QUERY PLAN is SQLite's"
)

BEGIN = datetime(2026, 3, 1)
HOUR = timedelta(hours=1)

LISTS = [
    *("", "o=created_date", "o=queue_name", "o=-status", "o=reference"),
    *("status__exact=DONE", "status__in=DONE,FAILED", "status__in=NEW,FAILED,IN_PROGRESS"),
    *("queue_name=b", "queue_name=b&status__exact=DONE", "queue_name=b&status__in=DONE,FAILED"),
    *("status__in=done,NEW", "status__in=DONE,FAILED&o=reference", "q=r1&o=-reference"),
    *("q=r", "q=r1&status__in=DONE,FAILED", "q=e&in=texts"),
]
TIMES = [
    *("created_from=2026-03-02&created_to=2026-03-04", "ended_from=2026-03-02"),
    "ended_to=2026-03-04T12:00",
]
TIMED = [f"{time}&{each}" for time, each in product(TIMES, ["", *LISTS[5:11], "status__exact=NEW"])]


@pytest.fixture
def items() -> None:
    """Create 120 items; a third of those with a final status has no end of its own."""
    statuses = [*Status.values, "done"]  # the last one was written by hand
    QueueItem.objects.bulk_create(
        QueueItem(
            queue_name="abc"[number % 3],
            status=statuses[number % 7 % 6],
            reference=f"r{number % 40}" if number % 5 else None,
            created_by="ERP",
            created_date=BEGIN + number * HOUR,
            end_date=BEGIN + number * HOUR + number % 11 * HOUR if number % 4 else None,
        )
        for number in range(120)
    )


def read(query: str) -> Any:
    """Return Django's ChangeList for this query string, without a page."""
    request = RequestFactory().get(f"{LIST}?{query}")
    request.user = User(is_superuser=True, is_staff=True)
    return admin.site.get_model_admin(QueueItem).get_changelist_instance(request)


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize("query", [*LISTS, *TIMED])
def test_pages_show_the_rows_of_the_list_in_its_order(query: str) -> None:
    found = [read(f"{query}&rows=25")]
    while url := found[-1].next_page_url:
        found.append(read(url[1:]))
    shown = [row for page in found for row in page.result_list]
    # An action on all that match runs on this queryset.
    assert shown == list(found[0].queryset)
    assert found[-1].result_count == len(shown)


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize("query", ["", "status__in=DONE,FAILED", "ended_from=2026-03-02"])
def test_pages_from_the_end_show_the_last_rows(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    rows = list(read(query).queryset)
    monkeypatch.setattr(change_list, "MAX_ROWS", 30)
    last = read(read(f"{query}&rows=25").last_page_url[1:])
    assert (last.page_num, last.result_list, last.next_page_url) == (-1, rows[-25:], "")
    before = read(last.previous_page_url[1:])
    assert (before.page_num, before.result_list) == (-2, rows[-50:-25])
    assert "Pages end" in str(read(f"{query}&rows=25&p=-3").error)  # beyond 30 rows
    assert read(before.next_page_url[1:]).result_list == rows[-25:]
    assert read(last.first_page_url[1:]).result_list == rows[:25]


@pytest.mark.usefixtures("items")
def test_page_shows_the_number_of_rows(sign_in: SignIn) -> None:
    assert "1–50 of 120" in sign_in().get(LIST).content.decode()


@pytest.mark.usefixtures("items")
def test_many_rows_are_not_counted(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_list, "MAX_ROWS", 100)
    page = sign_in().get(LIST)
    assert page.context["cl"].total == 101
    assert "of more than 10,000" in page.content.decode()


@pytest.mark.usefixtures("items")
def test_search_in_texts_is_not_counted() -> None:
    assert read("q=erp&in=texts").total is None


@pytest.mark.usefixtures("items")
def test_all_rows_of_an_uncounted_list_can_be_selected(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?q=erp&in=texts").content.decode()
    assert "Select all that match" in page


@pytest.mark.usefixtures("items")
def test_an_uncounted_list_offers_no_orders_that_it_refuses() -> None:
    assert read("q=r11&in=texts").sortable_by == ["created"]


@pytest.mark.usefixtures("items")
def test_rows_per_page_are_in_the_urls(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?rows=25&queue_name=a")
    assert len(page.context["cl"].result_list) == 25
    assert 'href="?p=2&amp;queue_name=a&amp;rows=25" rel="next"' in page.content.decode()


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize("rows", ["0", "-1", "1000000", "x", ""])
def test_other_numbers_of_rows_are_ignored(rows: str) -> None:
    assert len(read(f"rows={rows}").result_list) == 50


@pytest.mark.parametrize("number", ["201", "-201", "9" * 30])
def test_deeper_pages_show_a_sentence(
    sign_in: SignIn, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item(), item()
    monkeypatch.setattr(change_list, "MAX_ROWS", 1)
    page = sign_in().get(f"{LIST}?p={number}")
    assert page.context["cl"].result_list == []
    assert "Pages end after 10,000 rows" in page.content.decode()


@pytest.mark.usefixtures("items")
def test_large_lists_are_sorted_by_indexes_only(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queues.admin.item_list.MAX_ROWS", 10)
    client = sign_in()
    filtered = client.get(f"{LIST}?queue_name=a&o=reference")
    assert filtered.context["cl"].order == "-created_date"
    headers = re.findall(r'<th[^>]*class="sortable column-(\w+)', filtered.content.decode())
    assert headers == ["created"]
    unfiltered = client.get(f"{LIST}?o=reference").context["cl"]
    assert unfiltered.order == "reference"


@pytest.mark.usefixtures("items")
def test_headers_name_the_order(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?o=-reference").content.decode()
    assert "column-shown_reference sorted descending" in page
    assert 'href="?o=1.-3"' in page
    assert 'href="?o=3"' in page


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize(("column", "name"), [("5", "created_date"), ("-3.1", "-reference")])
def test_headers_order_as_names_do(column: str, name: str) -> None:
    assert read(f"o={column}").order == read(f"o={name}").order == name


@pytest.mark.usefixtures("items")
def test_list_by_end_says_its_order(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?ended_from=2026-03-02").content.decode()
    assert "Sorted by the time of the end" in page


def plans(query: str) -> list[str]:
    """Return SQLite's plan of each query of items, but for the names of queues."""
    with CaptureQueriesContext(connection) as queries:
        read(query)
    statements = [each["sql"] for each in queries.captured_queries]
    found = []
    for sql in statements:
        if '"Queues"' in sql and "DISTINCT" not in sql:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                found.append("; ".join(row[3] for row in cursor.fetchall()))
    return found


@on_sqlite
@pytest.mark.usefixtures("items")
@pytest.mark.parametrize(
    "query", [*LISTS[:11], *(each for each in TIMED if "exact=NEW" not in each), "q=r", "p=-1"]
)
def test_rows_are_read_in_the_order_of_an_index(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr("queues.admin.item_list.MAX_ROWS", 10)
    *reads, by_id = [plan for plan in plans(query) if "subquery" not in plan]
    assert "(id=?)" in by_id
    for plan in reads:
        assert re.match("(SEARCH|SCAN) Queues USING (COVERING )?INDEX ix_Queues_", plan)
        assert "TEMP B-TREE FOR ORDER BY" not in plan


@on_sqlite
@pytest.mark.usefixtures("items")
@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("status__exact=DONE", "status=?"),
        ("status__in=DONE,FAILED&queue_name=b", "status=? AND queue_name=?"),
        ("queue_name=b", "queue_name=?"),
        ("ended_from=2026-03-02&status__exact=DONE", "status=? AND end_date>? AND end_date<?"),
        (
            "ended_from=2026-03-02&status__exact=DONE&queue_name=b",
            "status=? AND queue_name=? AND end_date>? AND end_date<?",
        ),
        ("q=r1", "reference>? AND reference<?"),
    ],
)
def test_index_has_the_columns_of_the_filter(query: str, columns: str) -> None:
    assert plans(query)[0].partition("(")[2].partition(")")[0] == columns


@pytest.mark.usefixtures("items")
def test_action_on_all_means_the_filtered_rows(sign_in: SignIn) -> None:
    client, query = sign_in(), "?status__in=DONE,FAILED&ended_from=2026-03-02"
    shown = client.get(LIST + query).context["cl"]
    [first, *_] = shown.result_list
    page = select_action(client, "requeue", first, query=query, select_across="1")
    assert page.context["total"] == shown.total
    assert messages_in(page) == []
