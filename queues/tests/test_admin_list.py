"""The list of queue items in the admin."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, messages_in
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


def test_list_does_not_count(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=f"q{n % 7}") for n in range(120))
    client = sign_in()
    # Session, user, rows, and names of queues for the filter.
    with django_assert_num_queries(4) as queries:
        client.get(LIST)
    assert not any("COUNT(" in query["sql"].upper() for query in queries)


def test_names_of_queues_are_cached(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    item()
    client = sign_in()
    client.get(LIST)
    with django_assert_num_queries(3):  # session, user, rows
        client.get(LIST)


def test_permissions_of_a_role_take_two_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    item()
    client = sign_in("Operators")
    client.get(LIST)
    # Session, user, the user's own and the groups' permissions, rows.
    with django_assert_num_queries(5):
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
        *("?p=99999999999999999999", "?x=1", "?id__exact=zzz", "?created_date__year=0"),
        *("?created_date__year=99999999999", "?created_by__range=0"),
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


def test_search_timeout_redirects_with_a_message(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in()
    with fail_on("LIKE"):
        page = client.get(f"{LIST}?q=x", follow=True)
    assert page.redirect_chain == [(f"{LIST}?e=1", 302)]
    assert "the search took too long" in messages_in(page)[0]
    assert "Query timeout expired" in caplog.text


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


def test_search_ignores_words_after_the_twentieth(sign_in: SignIn) -> None:
    item(reference="a", message="w " * 30)
    assert shown(sign_in(), "?q=" + "w+" * 2000) == ["a"]


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


def test_filter_by_status(sign_in: SignIn) -> None:
    item(reference="a")
    failed(reference="b")
    assert shown(sign_in(), "?status__exact=FAILED") == ["b"]


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


@pytest.mark.parametrize("text", ["INV-7", "erp", "order is", "ABC123"])
def test_search_by_text(sign_in: SignIn, text: str) -> None:
    item(reference="INV-7", created_by="ERP", message="No order is there", data='{"c": "ABC123"}')
    item(reference="other")
    assert shown(sign_in(), f"?q={text}") == ["INV-7"]


@pytest.mark.parametrize(
    "write",
    [str, lambda pk: pk.hex, lambda pk: f" {pk} ", lambda pk: pk.hex[:9], lambda pk: str(pk)[4:20]],
)
def test_search_by_id(sign_in: SignIn, write: Any) -> None:
    row = item(reference="found")
    item(reference="other")
    assert shown(sign_in(), f"?q={write(row.pk)}") == ["found"]


def test_search_finds_an_id_in_a_text(sign_in: SignIn) -> None:
    other = "5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a11"
    item(reference=other)
    assert shown(sign_in(), f"?q={other}") == [other]


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
    # Session, user, rows, and names of queues for the filter.
    with django_assert_num_queries(4):
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


def test_quoted_search_keeps_white_space(sign_in: SignIn) -> None:
    item(message="alpha  beta")
    assert "1 queue item" in sign_in().get(LIST, {"q": '"alpha  beta"'}).content.decode()
