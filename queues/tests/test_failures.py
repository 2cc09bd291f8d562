"""Failed items in groups by the pattern of their message, and the page of these groups."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import ClientResponse, Forms, SignIn, messages_in
from queues import failures
from queues.failures import FailureGroup, group_failures, pattern
from queues.models import QueueItem
from queues.tests.helpers import Status, confirm, failed, item, robot_sets

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:queues_queueitem_failures")
HOUR = timedelta(hours=1)


def groups() -> list[FailureGroup]:
    return group_failures(QueueItem.objects.all())[0]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No order 17", "No order #"),
        ("No order INV-2026-17.", "No order INV-#."),
        ("Item 5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a11 is gone", "Item # is gone"),
        ("Item {ABCDEFAB-abcd-abcd-abcd-abcdefabcdef}", "Item #"),
        ("commit deadbeef, 4f2a", "commit #, #"),
        ("at 2026-11-26T13:19:29.123, after 1.234,56 kr", "at #, after # kr"),
        ("10.1.2.3:443 did not respond", "# did not respond"),
        ("no user mette@example.org here", "no user # here"),
        ("Error 0x80070005", "Error #"),
        ("Løn på afdeling", "Løn på afdeling"),
        (" two\n  lines\t", "two lines"),
        ("", ""),
        ("\0", "\0"),
    ],
)
def test_numbers_and_ids_are_taken_out(message: str, expected: str) -> None:
    assert pattern(message) == expected


def test_only_200_characters_and_the_rest_of_the_word_count() -> None:
    start = "x " * 99
    assert pattern(f"{start}a12345 b") == pattern(f"{start}b67890123 c") == f"{start}#"


@pytest.mark.parametrize("part", ["a", "1", "-", "a-", "1.", "a@", "{", "\n", " "])
def test_a_pattern_takes_no_time(part: str) -> None:
    # Quadratic time would take minutes here.
    pattern(part * 100_000)


def test_a_group_has_its_items_queues_and_times() -> None:
    now = datetime(2026, 11, 26, 12)
    old = failed(queue_name="b", message="No order 1", end_date=now - 2 * HOUR)
    new = failed(queue_name="a", message="No order 22", end_date=now - HOUR)
    [group] = groups()
    assert (group.pattern, group.example) == ("No order #", "No order 22")
    assert group.ids == [new.pk, old.pk]
    assert list(group.queues) == ["a", "b"]
    assert (group.first, group.last) == (now - 2 * HOUR, now - HOUR)


def test_the_group_of_the_latest_failure_is_first() -> None:
    now = timezone.now()
    for hours, message in ((3, "a"), (1, "b"), (2, "a")):
        failed(message=message, end_date=now - hours * HOUR)
    assert [group.pattern for group in groups()] == ["b", "a"]


def test_items_without_a_message_are_a_group() -> None:
    failed(message=None), failed(message=""), failed(message=" \n")
    assert [(group.pattern, len(group.ids)) for group in groups()] == [("", 3)]


def test_only_failed_items_are_grouped() -> None:
    item(status=Status.DONE, message="a"), item(message="a")
    assert groups() == []


def test_the_newest_items_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_GROUPED", 2)
    now = timezone.now()
    for minutes, message in enumerate(("c", "b", "a")):
        failed(message=message, end_date=now - timedelta(minutes=minutes))
    found, has_more = group_failures(QueueItem.objects.all())
    assert ([group.pattern for group in found], has_more) == (["c", "b"], True)


# The page.


def page(client: Client, query: str = "") -> ClientResponse:
    return client.get(PAGE + query, follow=True)


def rows_of(response: ClientResponse) -> list[tuple[str, int]]:
    return [(group.pattern, len(group.ids)) for group in response.context["page"]]


def post(client: Client, response: ClientResponse, action: str, number: int = 0) -> ClientResponse:
    """Press a button of a group on this page."""
    forms = Forms(response.content.decode()).forms
    url = [attrs["action"] for attrs, fields in forms if "back" in fields][number]
    return client.post(PAGE + unescape(url), {"action": action, "back": PAGE})


def test_it_works(sign_in: SignIn) -> None:
    failed(message="No order 1"), failed(message="No order 2"), failed(message="<b>Timeout</b>")
    response = page(sign_in("Viewers"))
    assert sorted(rows_of(response)) == [("<b>Timeout</b>", 1), ("No order #", 2)]
    assert "<b>Timeout" not in response.content.decode()


def test_it_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        failed(message=chr(0x3B1 + number))
    client = sign_in()
    # Session, user, failed items, names of queues for the filter.
    with django_assert_num_queries(4):
        assert len(client.get(f"{PAGE}?ended_from=2026-01-01").context["page"]) == 50


def test_the_time_is_that_of_the_dashboard_at_first(sign_in: SignIn) -> None:
    failed(message="old", end_date=timezone.now() - 25 * HOUR)
    failed(message="new")
    client = sign_in()
    assert rows_of(page(client)) == [("new", 1)]
    dashboard = client.get("/admin/").content.decode()
    [url] = re.findall(r'href="([^"]*failures/[^"]*)"', dashboard)
    assert (
        client.get(unescape(url)).wsgi_request.get_full_path()
        == page(client).wsgi_request.get_full_path()
    )


def test_a_time_and_a_queue_are_chosen(sign_in: SignIn) -> None:
    failed(queue_name="a", message="x", end_date=datetime(2026, 3, 1, 12))
    failed(queue_name="b", message="y", end_date=datetime(2026, 3, 1, 13))
    failed(queue_name="a", message="z", end_date=datetime(2026, 3, 2, 12))
    query = "?ended_from=2026-03-01&ended_to=2026-03-01"
    assert rows_of(page(sign_in(), query)) == [("y", 1), ("x", 1)]
    assert rows_of(page(sign_in(username="bo"), f"{query}&queue_name=a")) == [("x", 1)]


def test_more_failures_than_are_grouped_are_mentioned(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_GROUPED", 1)
    failed(), failed()
    text = page(sign_in()).content.decode()
    assert "More items failed in this time. Here are the newest 1." in text


def test_numbers_lead_to_their_items(sign_in: SignIn) -> None:
    for number in range(60):
        failed(message=f"No order {number}", reference=str(number))
    failed(message="Timeout")
    client = sign_in()
    groups_page = page(client)
    text = groups_page.content.decode()
    [all_url] = re.findall(r'<p><a href="([^"]*)">61 failed items', text)
    assert client.get(f"{unescape(all_url)}&p=2").context["cl"].result_count == 61
    [url] = re.findall(r'href="([^"]*)">60<', text)
    failed(message="No order 61", end_date=timezone.now() + HOUR)  # it came later
    shown: list[str] = []
    for number in (1, 2):
        response = client.get(f"{PAGE}{unescape(url)}&p={number}")
        shown += [row.reference for row in response.context["cl"].result_list]
    assert sorted(shown, key=int) == [str(number) for number in range(60)]
    assert "1–50 / 60" in client.get(PAGE + unescape(url)).content.decode()


@pytest.mark.parametrize(("action", "status"), [("requeue", "NEW"), ("abandon", "ABANDONED")])
def test_a_group_is_changed_as_one(sign_in: SignIn, action: str, status: str) -> None:
    first, second = failed(message="No order 1"), failed(message="No order 2")
    other = failed(message="Timeout", end_date=timezone.now() - HOUR)
    client = sign_in("Operators")
    question = post(client, page(client), action)
    assert "2 queue items" in question.content.decode()
    late = failed(message="No order 3")
    robot_sets(second, status=Status.DONE)
    done = confirm(client, question)
    assert "1 row" in messages_in(done)[0]
    statuses = dict(QueueItem.objects.values_list("pk", "status"))
    assert statuses[first.pk] == status
    assert (statuses[second.pk], statuses[other.pk], statuses[late.pk]) == (
        *("DONE", "FAILED", "FAILED"),
    )
    assert done.redirect_chain[0] == (PAGE, 302)


def test_more_ids_than_a_statement_takes_are_confirmed(sign_in: SignIn) -> None:
    now = timezone.now()
    QueueItem.objects.bulk_create(
        QueueItem(queue_name="q", status=Status.FAILED, message=f"No order {n}", end_date=now)
        for n in range(2200)
    )
    client = sign_in()
    question = post(client, page(client), "requeue")
    assert "2,200 queue items" in question.content.decode()


def test_a_group_has_items_of_robots_whose_clock_is_ahead(sign_in: SignIn) -> None:
    for minutes in (-1, 5):
        failed(message="x", end_date=timezone.now() + timedelta(minutes=minutes))
    client = sign_in()
    page = client.get(PAGE, follow=True)
    [url] = re.findall(r'href="([^"]*failure=[^"]*)"', page.content.decode())
    group = client.get(PAGE + unescape(url)).context["group"]
    assert len(group.ids) == len(page.context["cl"].groups[0].ids) == 2


def test_a_group_that_is_gone_says_so(sign_in: SignIn) -> None:
    row, client = failed(message="No order 1"), sign_in()
    shown = page(client)
    robot_sets(row, status=Status.DONE)
    response = post(client, shown, "requeue")
    assert response["Location"].startswith("?ended_from=")
    assert "No item of this group" in messages_in(page(client))[0]


def test_viewers_get_no_buttons_and_no_action(sign_in: SignIn) -> None:
    row = failed(message="No order 1")
    client = sign_in("Viewers")
    shown = page(client)
    assert 'name="action"' not in shown.content.decode()
    [group] = shown.context["page"]
    url = f"{PAGE}?failure={group.key}&ended_from=2026-01-01"
    assert client.post(url, {"action": "requeue"}).status_code == 403
    row.refresh_from_db()
    assert row.status == Status.FAILED


@pytest.mark.parametrize("action", ["delete_selected", "export", "x", ""])
def test_other_actions_are_refused(sign_in: SignIn, action: str) -> None:
    failed(message="No order 1")
    client = sign_in()
    assert post(client, page(client), action).status_code == 403


def test_the_page_is_for_those_who_may_view_items(client: Client, django_user_model: Any) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(django_user_model.objects.create_user("bo", is_staff=True))
    assert client.get(PAGE).status_code == 403


def test_an_unknown_filter_leads_to_the_list(sign_in: SignIn) -> None:
    response = page(sign_in(), "?ended_from=2026-01-01&x=1")
    assert "Unknown filter" in messages_in(response)[0]


def test_an_invalid_time_shows_no_group_and_an_error(sign_in: SignIn) -> None:
    failed()
    response = page(sign_in(), "?ended_from=yesterday")
    assert rows_of(response) == []
    assert "Not a date and time" in response.content.decode()
