"""The page of a queue."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import ClientResponse, SignIn
from queues.models import QueueItem
from queues.tests.helpers import Status, change_url, failed, item

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:queues_queueitem_queue")
NAME = "Løn/2026 & <b>=?"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def page(client: Client, name: str = NAME, **query: str) -> ClientResponse:
    return client.get(PAGE, {"queue_name": name, **query})


def text_of(response: ClientResponse) -> str:
    return unescape(response.content.decode()).replace("\xa0", " ")


def row(response: ClientResponse, label: str) -> tuple[str, str, str]:
    """Return text, URL and note of a number."""
    pattern = rf'<th scope="row">{label}[^<]*</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>'
    [(cell, note)] = re.findall(pattern, text_of(response))
    url = re.findall(r'href="([^"]*)"', cell)
    return re.sub("<[^>]*>", "", cell), url[0] if url else "", note


def fill() -> None:
    """Create items of two queues, within the last hour."""
    now = timezone.now()
    for minutes in (1, 2, 3, 4):
        times = {"start_date": now - minutes * MINUTE, "end_date": now}
        item(NAME, status=Status.DONE, created_date=now - 30 * HOUR, **times)
    failed(queue_name=NAME)
    for hours in (1, 2, 9):
        item(NAME, created_date=now - hours * HOUR)
    item("other"), failed(queue_name="other")


def test_it_works(sign_in: SignIn) -> None:
    fill()
    response = page(sign_in("Viewers"))
    assert "<b>" not in response.content.decode()
    assert row(response, "New")[0] == "3"
    assert row(response, "Oldest new")[0] == "9 hours"
    assert row(response, "Done or failed in the last hour")[0] == "5"
    assert row(response, "Done or failed since")[0] == "5"
    assert row(response, "Failed of these")[::2] == ("1", "20%")
    assert row(response, "Median duration")[::2] == ("2 minutes", "of the newest 5 items")
    assert row(response, "95th percentile")[0] == "4 minutes"


def test_the_backlog_is_through_at_the_pace_of_the_last_hour(sign_in: SignIn) -> None:
    fill()
    text, _, note = row(page(sign_in()), "Backlog will be done")
    assert re.fullmatch(r"(at|on \d{4}-\d\d-\d\d) \d\d:\d\d, in 36 minutes", text)
    assert note == "at the pace of the last hour"


def test_a_far_end_of_the_backlog_has_a_date(sign_in: SignIn) -> None:
    failed(queue_name=NAME)
    QueueItem.objects.bulk_create(QueueItem(queue_name=NAME) for _ in range(50))
    text = row(page(sign_in()), "Backlog will be done")[0]
    end = timezone.now() + 50 * HOUR
    assert text.startswith(f"on {end:%Y-%m-%d}")
    assert text.endswith("in 2 days, 2 hours")


def test_the_backlog_has_no_end_if_nothing_ended_in_the_last_hour(sign_in: SignIn) -> None:
    item(NAME)
    assert row(page(sign_in()), "Backlog will be done")[0] == "unknown"


def test_a_queue_without_backlog_has_no_end_of_it(sign_in: SignIn) -> None:
    failed(queue_name=NAME)
    response = page(sign_in())
    assert row(response, "Backlog will be done") == ("–", "", "")
    assert row(response, "Oldest new") == ("–", "", "")


def test_durations_are_unknown_without_times(sign_in: SignIn) -> None:
    item(NAME, status=Status.DONE)
    response = page(sign_in())
    assert row(response, "Median duration") == ("–", "", "")
    assert row(response, "Done or failed since")[0] == "1"


@pytest.mark.parametrize("chart", ["hours", "days"])
def test_each_number_leads_to_its_rows(sign_in: SignIn, chart: str) -> None:
    fill()
    long_ago = timezone.now() - timedelta(days=13)
    item(NAME, status=Status.DONE, created_date=long_ago, end_date=long_ago)
    client = sign_in()
    response = page(client, chart=chart)
    for label in ("New", "Done or failed in the last hour", "Done or failed since", "Failed of"):
        number, url, _ = row(response, label)
        assert client.get(url).context["cl"].result_count == int(number), label
    oldest = client.get(row(response, "Oldest new")[1]).context["cl"].result_list
    assert oldest[0].created_date == min(each.created_date for each in oldest)
    assert [each.status for each in oldest] == ["NEW"] * 3


@pytest.mark.parametrize("chart", ["hours", "days"])
def test_each_bar_and_cell_of_the_chart_leads_to_its_items(sign_in: SignIn, chart: str) -> None:
    fill()
    client = sign_in()
    text = text_of(page(client, chart=chart))
    bars = re.findall(r'<a href="([^"]*)" tabindex="-1" aria-label="[^"]* (\d+)"><rect', text)
    table = text.split("As a table")[1]
    cells = re.findall(r'<td class="number"><a href="([^"]*)">(\d+)</a>', table)
    assert bars
    assert sorted(bars) == sorted(cells)
    for url, number in bars:
        assert client.get(url).context["cl"].result_count == int(number), url


def test_the_chart_keeps_the_queue(sign_in: SignIn) -> None:
    fill()
    client = sign_in()
    [url] = re.findall(r'href="([^"]*)#chart-title">14 days', text_of(page(client)))
    response = client.get(PAGE + url)
    assert response.context["title"] == NAME
    assert "Items by the day" in text_of(response)


def test_it_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill()
    client = sign_in()
    # Session, user, whether the queue has items, four for the numbers, durations.
    with django_assert_num_queries(8):
        page(client)
    # The numbers are cached.
    with django_assert_num_queries(3):
        page(client)


def test_the_numbers_of_two_queues_are_not_mixed_up(sign_in: SignIn) -> None:
    fill()
    client = sign_in()
    page(client)
    assert row(page(client, "other"), "New")[0] == "1"


@pytest.mark.parametrize("name", ["", "Gone", "x" * 3000, "\0"])
def test_a_queue_without_items_is_not_found(sign_in: SignIn, name: str) -> None:
    fill()
    assert page(sign_in(), name).status_code == 404


def test_the_numbers_of_a_queue_without_a_name_are_not_those_of_all(sign_in: SignIn) -> None:
    fill()
    item("")
    client = sign_in()
    assert row(page(client, ""), "New")[0] == "1"
    assert len(client.get("/admin/").context["queue_rows"]) == 3


def test_a_queue_whose_items_all_have_unknown_statuses_is_shown(sign_in: SignIn) -> None:
    item(NAME, status="unknown")
    assert row(page(sign_in()), "New")[0] == "0"


def test_it_works_while_the_cache_is_away(sign_in: SignIn, unreachable_cache: None) -> None:
    fill()
    assert row(page(sign_in()), "New")[0] == "3"


def test_the_page_of_an_item_links_to_its_queue(sign_in: SignIn) -> None:
    client = sign_in("Viewers")
    text = text_of(client.get(change_url(failed(queue_name=NAME))))
    [url] = re.findall(rf'href="({PAGE}[^"]*)"', text)
    assert client.get(url).context["title"] == NAME


def test_the_page_is_for_those_who_may_view_items(client: Client, django_user_model: Any) -> None:
    item(NAME)
    assert page(client).status_code == 302
    client.force_login(django_user_model.objects.create_user("bo", is_staff=True))
    assert page(client).status_code == 403


def test_thousands_are_separated_by_language(sign_in: SignIn) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=NAME) for _ in range(1234))
    client = sign_in()
    assert row(page(client), "New")[0] == "1,234"
    assert "Created: 1,234" in text_of(page(client))
    danish = client.get(PAGE, {"queue_name": NAME}, headers={"Accept-Language": "da"})
    assert ">1.234</a>" in text_of(danish)
