"""Dashboard of the admin."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import SignIn
from queues import queue_statistics
from queues.models import QueueItem
from queues.tests.helpers import Status, change_url, failed, item
from security.models import ApiKey, BannedIP
from triggers.models import Trigger
from triggers.tests.helpers import single

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def dashboard(client: Client, query: str = "") -> str:
    """Return the text of the page, with plain spaces."""
    return unescape(client.get(f"/admin/{query}").content.decode()).replace("\xa0", " ")


def card(page: str, title: str) -> str:
    """Return the HTML of the attention card with this title."""
    [found] = re.findall(rf"<h3>{title}(.*?)</div>", page, re.DOTALL)
    return str(found)


def key(days: float | None) -> ApiKey:
    return ApiKey.objects.issue("ERP", timedelta(days=days) if days else None)[0]


def test_it_works(sign_in: SignIn) -> None:
    item("Invoices")
    page = dashboard(sign_in("Viewers"))
    assert "Invoices" in page
    assert "<svg" in page


def test_signed_out_user_is_redirected(client: Client) -> None:
    assert client.get("/admin/").status_code == 302


def test_it_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=f"q{n}") for n in range(200))
    client = sign_in()
    # Session, user, four for the numbers, failed items, stuck items, triggers, bans, keys, and
    # schedulers, which are absent.
    with django_assert_num_queries(12):
        client.get("/admin/")
    # The numbers are cached.
    with django_assert_num_queries(8):
        client.get("/admin/")


# The table of queues.


def numbers_of(page: str, queue_name: str) -> list[str]:
    """Return the texts of the queue's row, after its name."""
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    [row] = [row for row in rows if f">{queue_name}</a>" in row]
    return [text.strip() for text in re.findall(r"<td[^>]*>\s*(?:<a[^>]*>)?([^<]*)", row)]


def test_the_numbers_of_a_queue(sign_in: SignIn) -> None:
    now = timezone.now()
    item(created_date=now - 3 * HOUR)
    item(status=Status.DONE, end_date=now)
    failed(), failed()
    numbers = numbers_of(dashboard(sign_in()), "Invoices")
    assert numbers == ["1", "0", "1", "2", "0", "3 hours", "4", "1", "67%"]


def test_each_number_links_to_its_rows(sign_in: SignIn) -> None:
    now = timezone.now()
    name = "Løn & <b>=?"
    item(name, reference="new", created_date=now - 30 * HOUR)
    item(name, reference="done", status=Status.DONE, end_date=now, created_date=now - 30 * HOUR)
    failed(queue_name=name, reference="failed")
    item("Other")
    client = sign_in()
    page = client.get("/admin/").content.decode()
    rows = page[page.index("<tbody>") : page.index("</tbody>")].split("<tr>")
    (row,) = (row for row in rows if "Løn" in row)
    lists = []
    queue_page, *urls = re.findall(r'href="([^"]*)"', row)
    assert client.get(unescape(queue_page)).context["title"] == name
    for url in urls:
        shown = client.get(unescape(url)).context["cl"].result_list
        lists.append({each.reference for each in shown})
    assert lists == [
        *({"new"}, set(), {"done"}, {"failed"}, set()),
        {"new"},  # oldest
        {"failed"},  # in, 24 h
        {"done"},
        {"failed"},
    ]


# The chart.


def test_chart_shows_24_hours(sign_in: SignIn) -> None:
    failed()
    page = dashboard(sign_in())
    assert "Items by the hour" in page
    assert "Created: 1. Done: 0. Failed: 1." in page
    assert page.count('<rect class="bar failed"') == 2  # of the legend and of the chart


def test_chart_shows_14_days(sign_in: SignIn) -> None:
    item(created_date=timezone.now() - timedelta(days=10))
    page = dashboard(sign_in(), "?chart=days")
    assert "Items by the day" in page
    assert "Created: 1. Done: 0. Failed: 0." in page


def test_switch_marks_the_shown_chart(sign_in: SignIn) -> None:
    page = dashboard(sign_in(), "?chart=days")
    assert re.search(r'aria-current="true">14 days', page)
    assert not re.search(r'aria-current="true">24 hours', page)


@pytest.mark.parametrize("query", ["?chart=", "?chart=x&chart=y", "?a=b"])
def test_other_query_shows_24_hours(sign_in: SignIn, query: str) -> None:
    assert "Items by the hour" in dashboard(sign_in(), query)


def test_chart_has_a_table_of_its_counts(sign_in: SignIn) -> None:
    failed()
    table = dashboard(sign_in()).split("As a table")[1]
    assert len(re.findall(r'<th scope="row">', table)) == 24


def test_chart_and_table_of_queues_count_the_same_time(sign_in: SignIn) -> None:
    first_hour = timezone.now().replace(minute=0, second=0, microsecond=0) - 23 * HOUR
    for end in (first_hour, first_hour - timedelta(microseconds=1), timezone.now()):
        failed(created_date=end, end_date=end)
    client = sign_in()
    page = dashboard(client)
    assert "Created: 2. Done: 0. Failed: 2." in page
    assert numbers_of(page, "Invoices")[-3:] == ["2", "0", "100%"]
    assert '<span class="count">2</span>' in card(page, "Failed in the last 24 hours")
    assert f"the last 24 hours begin at {first_hour:%Y-%m-%d %H:%M}." in page
    # An item of the future, by a clock that is ahead, is counted in both.
    item(created_date=timezone.now() + HOUR)
    queue_statistics.invalidate()
    page = dashboard(client)
    assert "Created: 3. Done: 0. Failed: 2." in page
    assert numbers_of(page, "Invoices")[-3] == "3"


@pytest.mark.parametrize("query", ["?chart=hours", "?chart=days"])
def test_each_bar_links_to_its_items(sign_in: SignIn, query: str) -> None:
    now = timezone.now()
    for hours in (0, 0, 2, 5, 5, 5):
        moment = now - hours * HOUR
        item(created_date=moment)
        item("Other", status=Status.DONE, created_date=moment - 30 * HOUR, end_date=moment)
        failed(end_date=moment)
    client = sign_in()
    bars = re.findall(
        r'<a href="([^"]*)" tabindex="-1" aria-label="[^"]* (\d+)"', dashboard(client, query)
    )
    assert len(bars) >= 3
    for url, number in bars:
        assert client.get(url).context["cl"].result_count == int(number), url


def test_styles_and_scripts_are_not_inline(sign_in: SignIn) -> None:
    failed()
    page = dashboard(sign_in())
    assert " style=" not in page
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]* src=)", page)


# Attention cards.


def test_failed_items(sign_in: SignIn) -> None:
    row = failed(reference="INV-1", message="No order")
    failed(reference="old", end_date=timezone.now() - 25 * HOUR)
    found = card(dashboard(sign_in()), "Failed in the last 24 hours")
    assert f'<a href="{change_url(row)}">Invoices INV-1</a>' in found
    assert "No order" in found
    assert "old" not in found


def test_card_shows_the_newest_five_and_links_to_all(sign_in: SignIn) -> None:
    now = timezone.now()
    for minutes in range(7):
        failed(reference=f"INV-{minutes}", end_date=now - timedelta(minutes=minutes))
    client = sign_in()
    found = card(dashboard(client), "Failed in the last 24 hours")
    assert re.findall(r"INV-\d", found) == [f"INV-{n}" for n in range(5)]
    url = re.findall(r'href="([^"]*)"', found)[-1]
    assert client.get(url).context["cl"].result_count == 7


def test_stuck_items(sign_in: SignIn, settings: Settings) -> None:
    settings.STUCK_AFTER = timedelta(minutes=30)
    item(reference="stuck", status=Status.IN_PROGRESS, start_date=timezone.now() - HOUR)
    item(reference="running", status=Status.IN_PROGRESS, start_date=timezone.now())
    found = card(dashboard(sign_in()), "In progress for more than 30 minutes")
    assert "Invoices stuck</a>" in found
    assert "1 hour ago" in found
    assert "running" not in found


def test_item_without_start_date_is_stuck_by_its_created_date(sign_in: SignIn) -> None:
    item(reference="a", status=Status.IN_PROGRESS, created_date=timezone.now() - 3 * HOUR)
    assert "Invoices a" in card(dashboard(sign_in()), "In progress for more than 2 hours")


def test_triggers_that_failed_or_are_paused(sign_in: SignIn) -> None:
    for status in Trigger.Status.values:
        single(trigger_name=f"T {status}", process_status=status)
    client = sign_in()
    found = card(dashboard(client), "Triggers that failed or are paused")
    assert re.findall(r"T [A-Z]+", found) == ["T FAILED", "T PAUSED"]


def test_active_bans(sign_in: SignIn) -> None:
    BannedIP.objects.ban("203.0.113.9", HOUR, "Port scan", by="anna")
    BannedIP.objects.ban("203.0.113.10", HOUR, "Port scan", by="anna")
    BannedIP.objects.filter(network="203.0.113.10").lift("anna")
    found = card(dashboard(sign_in()), "Active bans")
    assert "203.0.113.9</a>" in found
    assert "203.0.113.10" not in found


def test_keys_that_expire_soon(sign_in: SignIn) -> None:
    soon, late, never, revoked = key(13), key(15), key(None), key(13)
    revoked.revoke()
    found = card(dashboard(sign_in()), "Keys that expire within 14 days")
    assert soon.prefix in found
    assert not any(each.prefix in found for each in (late, never, revoked))


def test_many_keys_take_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        ApiKey.objects.issue(f"client {number}", timedelta(days=1))
    client = sign_in()
    dashboard(client)
    # Session, user, failed items, stuck items, triggers, bans, keys with their clients, schedulers.
    with django_assert_num_queries(8):
        assert "client 4" in dashboard(client)


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_bans_and_keys_are_for_security_admins(sign_in: SignIn, role: str) -> None:
    page = dashboard(sign_in(role))
    assert "Active bans" not in page
    assert "Keys that expire" not in page


def test_security_admins_see_all(sign_in: SignIn) -> None:
    page = dashboard(sign_in("Security admins"))
    assert "Active bans" in page
    assert "Keys that expire" in page


def test_user_without_a_role_sees_no_cards(client: Client) -> None:
    client.force_login(User.objects.create_user("bo", is_staff=True))
    assert "Your account may see nothing yet" in dashboard(client)


def test_stored_markup_is_shown_as_text(sign_in: SignIn) -> None:
    failed(queue_name="<script>1</script>", message="<b>x</b>")
    page = sign_in().get(reverse("admin:index")).content.decode()
    assert "<script>1" not in page
    assert "<b>x" not in page
