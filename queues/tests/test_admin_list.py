"""The list of queue items in the admin."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, form_in, messages_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, failed, item, select_action

pytestmark = pytest.mark.django_db


def shown(client: Client, query: str = "") -> list[str]:
    """Return the references in the list, from the top."""
    rows = client.get(LIST + query).context["cl"].result_list
    return [row.reference for row in rows]


def test_list_shows_items(sign_in: SignIn) -> None:
    row = failed(reference="INV-1", created_by="ERP")
    page = sign_in("Viewers").get(LIST).content.decode()
    for text in ("Invoices", "INV-1", "ERP", "Failed", "1\xa0minute"):
        assert text in page
    assert str(row.pk) in page


def test_newest_item_is_first(sign_in: SignIn) -> None:
    item(reference="old", created_date=timezone.now() - timedelta(days=1))
    item(reference="new")
    assert shown(sign_in()) == ["new", "old"]


def test_list_counts_no_more_than_10000_rows(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=f"q{n % 7}") for n in range(120))
    client = sign_in()
    # Session, user, names of queues for the filter, ids, rows, and the number of rows.
    with django_assert_num_queries(6) as queries:
        client.get(LIST)
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]
    assert len(counts) == 1
    assert "LIMIT 10001" in counts[0] or "TOP 10001" in counts[0]


def test_several_statuses_take_two_queries_each(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    statuses = [Status.DONE, Status.FAILED]
    QueueItem.objects.bulk_create(QueueItem(status=statuses[n % 2]) for n in range(120))
    client = sign_in()
    client.get(LIST)
    # Session, user; ids of each status, rows, number of each status.
    with django_assert_num_queries(2 + 2 + 1 + 2):
        client.get(f"{LIST}?status__in=DONE,FAILED")


def test_names_of_queues_are_cached(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    item()
    client = sign_in()
    client.get(LIST)
    with django_assert_num_queries(4):  # session, user, ids, rows
        client.get(LIST)


def test_permissions_of_a_role_take_two_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    item()
    client = sign_in("Operators")
    client.get(LIST)
    # Session, user, the user's own and the groups' permissions, ids, rows.
    with django_assert_num_queries(6):
        client.get(LIST)


def test_pages_link_to_each_other(sign_in: SignIn) -> None:
    now = timezone.now()
    QueueItem.objects.bulk_create(
        QueueItem(queue_name="q", reference=str(n), created_date=now - timedelta(seconds=n))
        for n in range(120)
    )
    client = sign_in()
    assert shown(client) == [str(n) for n in range(50)]
    assert shown(client, "?p=3") == [str(n) for n in range(100, 120)]
    second = client.get(f"{LIST}?p=2").content.decode()
    assert 'href="?p=1" rel="prev"' in second
    assert 'href="?p=3" rel="next"' in second
    assert 'rel="next"' not in client.get(f"{LIST}?p=3").content.decode()


def test_page_beyond_the_last_shows_the_first(sign_in: SignIn) -> None:
    item(reference="new")
    failed(reference="failed")
    assert shown(sign_in(), "?p=9&status__exact=FAILED") == ["failed"]


@pytest.mark.parametrize(
    "query",
    [
        *("?x=1", "?id__exact=zzz", "?created_date__year=0", "?created_date__year=99999999999"),
        *("?created_by__range=0", "?status__in=" + ",".join(map(str, range(11)))),
    ],
)
def test_unknown_filter_redirects_with_a_message(sign_in: SignIn, query: str) -> None:
    page = sign_in().get(LIST + query, follow=True)
    assert page.redirect_chain == [(f"{LIST}?e=1", 302)]
    assert "Unknown filter" in messages_in(page)[0]


def fail_on(pattern: str) -> AbstractContextManager[None]:
    """Make matching SQL statements fail as after `DATABASE_QUERY_TIMEOUT`."""

    def fail(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if re.search(pattern, sql):
            raise OperationalError("Query timeout expired")
        return execute(sql, *args)

    return connection.execute_wrapper(fail)


@pytest.mark.parametrize("query", ["", "?e=1"])
def test_list_that_fails_without_a_filter_is_an_error(sign_in: SignIn, query: str) -> None:
    client = sign_in()
    client.raise_request_exception = False
    with fail_on("Queues"):
        assert client.get(LIST + query).status_code == 500


def test_action_on_too_many_rows_does_nothing(sign_in: SignIn) -> None:
    row, client = item(), sign_in()
    with fail_on(r"status\W FROM"):
        response = select_action(client, "requeue", row, select_across="1")
    assert "Try fewer rows" in messages_in(client.get(response["Location"]))[0]


def test_regular_expressions_are_refused(sign_in: SignIn) -> None:
    assert sign_in().get(f"{LIST}?message__regex=(").status_code == 400


@pytest.mark.parametrize("page", ["0", "-3", "x"])
def test_invalid_page_shows_the_first(sign_in: SignIn, page: str) -> None:
    item(reference="one")
    assert shown(sign_in(), f"?p={page}") == ["one"]


def test_filter_by_queue(sign_in: SignIn) -> None:
    item("Invoices", reference="a")
    item("Invoices 2", reference="b")
    assert shown(sign_in(), "?queue_name=Invoices") == ["a"]


def test_deleted_queue_can_be_filtered_by(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?queue_name=Gone")
    assert "Gone" in page.content.decode()
    assert page.context["cl"].result_count == 0


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("?status__exact=FAILED", ["b"]),
        ("?status__in=FAILED", ["b"]),
        ("?status__in=NEW,FAILED", ["b", "a"]),
        ("?status__in=NEW&status__exact=FAILED", ["b", "a"]),
        ("?status__in=", ["c", "b", "a"]),
        ("?status__in=,x", []),
        ("?status__exact=new", ["c"]),  # written by hand
    ],
)
def test_filter_by_statuses(sign_in: SignIn, query: str, references: list[str]) -> None:
    item(reference="a")
    failed(reference="b")
    item(reference="c", status="new")
    assert shown(sign_in(), query) == references


def test_a_click_adds_or_removes_a_status(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?status__exact=FAILED&queue_name=a").content.decode()
    assert 'href="?queue_name=a" aria-current="true">Failed' in page
    assert 'href="?queue_name=a&amp;status__in=FAILED%2CNEW">New' in page


def filtered_by(client: Client, query: str) -> dict[str, str]:
    named = client.get(LIST + query).context["cl"].filtered_by
    return {str(name): value for name, value in named}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", {}),
        ("?o=reference&rows=25&created_from=&created_to=&created_by=", {}),
        ("?queue_name=a%26b", {"queue": "a&b"}),
        ("?status__in=NEW,FAILED", {"status": "New, Failed"}),
        ("?status__exact=gone", {"status": "gone"}),
        ("?created_from=1h", {"created": "Last hour"}),
        ("?ended_from=2026-01-01T10:00", {"ended": "from 2026-01-01 10:00"}),
        ("?ended_to=2026-01-01", {"ended": "to 2026-01-01"}),
        ("?stuck=yes", {"stuck": "In progress for too long"}),
        ("?created_by=ERP", {"creator": "ERP"}),
        ("?created_by__exact=ERP", {"created by": "ERP"}),
        ("?message__icontains=<b>", {"message icontains": "<b>"}),
        ("?pk__in=5f0c1c3e90c54a669d0c0a4f3c9a3a11", {"Pk in": "5f0c1c3e90c54a669d0c0a4f3c9a3a11"}),
    ],
)
def test_list_says_by_what_it_is_filtered(
    sign_in: SignIn, query: str, named: dict[str, str]
) -> None:
    assert filtered_by(sign_in(), query) == named


def test_clear_all_filters_keeps_order_search_and_rows(sign_in: SignIn) -> None:
    query = "?created_by__exact=x&status__in=NEW&stuck=yes&ended_from=1h&q=a&o=reference&rows=25"
    page = sign_in().get(LIST + query).content.decode()
    assert '<a href="?o=reference&amp;q=a&amp;rows=25">Clear all filters</a>' in page


def test_filters_survive_the_way_into_an_item_and_back(sign_in: SignIn) -> None:
    failed()
    client = sign_in()
    query = "?created_from=7d&status__in=FAILED%2CNEW"
    page = client.get(LIST + query).content.decode()
    [url] = {unescape(url) for url in re.findall(r'href="([^"]*/change/[^"]*)"', page)}
    form = client.get(url)
    assert url.partition("?")[2] == urlencode({"_changelist_filters": query[1:]})
    back = re.findall(r'href="([^"]*)">Queue items</a>', form.content.decode())
    assert f"{LIST}{unquote(query)}" in {unquote(unescape(each)) for each in back}
    saved = client.post(url, form_in(form, "reference"))
    assert unquote(saved["Location"]) == LIST + unquote(query)


def test_filter_by_creator(sign_in: SignIn) -> None:
    item(reference="a", created_by="ERP")
    item(reference="b", created_by="CRM")
    client = sign_in()
    assert shown(client, "?created_by=ERP&created_from=1h") == ["a"]
    page = client.get(f"{LIST}?created_by=ERP")
    assert page.context["cl"].result_list == []
    text = page.content.decode()
    assert text.index("Choose a time of creation or of the end too") < text.index("paginator")
    assert "Nothing matches" not in text


@pytest.mark.parametrize(
    ("name", "hours"), [("1h", [0]), ("today", [0, 9]), ("7d", [0, 9, 30, 160])]
)
@pytest.mark.parametrize("field", ["created", "ended"])
def test_quick_times(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, field: str, name: str, hours: list[int]
) -> None:
    now = datetime(2026, 3, 20, 10, 30)
    monkeypatch.setattr(timezone, "now", lambda: now)
    for age in (200, 160, 30, 9, 0):
        item(
            reference=str(age),
            status=Status.DONE,
            created_date=now - timedelta(hours=age),
            end_date=now - timedelta(hours=age),
        )
    client = sign_in()
    assert shown(client, f"?{field}_from={name}") == [str(age) for age in hours]
    assert f"?{field}_from={name}" in client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("?created_from=2026-03-02", ["c", "b"]),
        ("?created_to=2026-03-02", ["b", "a"]),  # that day is in it
        ("?created_from=2026-03-02&created_to=2026-03-02", ["b"]),
        ("?created_from=2026-03-02T10:30&created_to=2026-03-02T10:30", ["b"]),  # that minute too
        ("?created_from=2026-03-02T10:31", ["c"]),
        ("?created_from=&created_to=", ["c", "b", "a"]),
    ],
)
def test_filter_by_creation_time(sign_in: SignIn, query: str, references: list[str]) -> None:
    for name, text in (("a", "01 12:00:00"), ("b", "02 10:30:20"), ("c", "03 00:00:00")):
        item(reference=name, created_date=datetime.fromisoformat(f"2026-03-{text}"))
    assert shown(sign_in(), query) == references


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-01-01T00:00:00Z", "0001-01-01"])
def test_invalid_time_shows_no_rows_and_an_error(sign_in: SignIn, text: str) -> None:
    item()
    page = sign_in().get(LIST, {"created_from": text})
    assert page.context["cl"].result_count == 0
    assert "Not a date and time" in page.content.decode()


def test_filter_by_end_time(sign_in: SignIn) -> None:
    now = timezone.now()
    failed(reference="long ago", end_date=now - timedelta(days=3))
    failed(reference="now")
    item(reference="pushed as failed", status=Status.FAILED)
    item(reference="not ended")
    since = (now - timedelta(hours=1)).isoformat(timespec="seconds")
    assert set(shown(sign_in(), f"?ended_from={since}")) == {"now", "pushed as failed"}


def test_filter_by_stuck(sign_in: SignIn) -> None:
    now = timezone.now()
    for name, hours in (("at work", 1), ("stuck", 3)):
        start = now - timedelta(hours=hours)
        item(reference=name, status=Status.IN_PROGRESS, start_date=start, created_date=start)
    client = sign_in()
    assert shown(client, "?stuck=yes") == ["stuck"]
    assert shown(client, "?stuck=x") == []


def test_search_keeps_the_filters(sign_in: SignIn) -> None:
    page = sign_in().get(f"{LIST}?queue_name=a%26b&q=x").content.decode()
    assert '<input type="hidden" name="queue_name" value="a&amp;b">' in page


def test_stored_markup_is_escaped(sign_in: SignIn) -> None:
    item("<script>1</script>", reference="<b>x</b>")
    page = sign_in().get(LIST).content.decode()
    assert "<script>1" not in page
    assert "<b>x" not in page


def cell(client: Client) -> str:
    """Return the HTML of message and data in the only row of the list."""
    page = client.get(LIST).content.decode()
    [found] = re.findall(r'<td class="field-texts">(.*?)</td>', page, re.DOTALL)
    return str(found)


def test_message_and_data_are_a_line_each(sign_in: SignIn) -> None:
    failed(message="<b>No</b>\norder", data='{"a": 1}')
    assert cell(sign_in("Viewers")) == (
        '<div class="cut" tabindex="0"><div>'
        '<span class="line">&lt;b&gt;No&lt;/b&gt;\norder</span>'
        '<span class="line">{&quot;a&quot;: 1}</span></div></div>'
    )


def test_item_without_message_and_data_has_a_dash(sign_in: SignIn) -> None:
    failed(message="")
    assert cell(sign_in()) == "–"


def test_only_the_start_of_a_long_message_is_read(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    failed(message="é" * 1_000_000)
    client = sign_in()
    # Session, user, ids, rows, and names of queues for the filter.
    with django_assert_num_queries(5):
        text = cell(client)
    assert 900 < text.count("é") < 1000
    assert "é… (cut here; the page of the item has all)</span>" in text


def test_message_of_1000_characters_is_not_cut(sign_in: SignIn) -> None:
    failed(message="é" * 1000)
    assert cell(sign_in()).count("é") == 1000


def test_status_has_a_word_and_a_sign(sign_in: SignIn) -> None:
    failed()
    badge = '<span class="status status-failed"><span aria-hidden="true">✕</span> Failed</span>'
    assert badge in sign_in().get(LIST).content.decode()
