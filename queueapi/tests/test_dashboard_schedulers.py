"""Schedulers on the dashboard, and triggers that they do not start."""

import logging
import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import ProgrammingError, connection
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, failing
from queueapi.tests.test_dashboard import card, dashboard
from queues.tests.helpers import item
from triggers.models import SingleTrigger, Trigger
from triggers.tests.helpers import queue, scheduler, single

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scheduler_tables")]

LATE = "Triggers that are late"
HEADING = '<h2 id="schedulers">'


def late(minutes: float = 10, **fields: object) -> Trigger:
    trigger = single(**fields)
    next_run = timezone.now() - timedelta(minutes=minutes)
    SingleTrigger.objects.filter(pk=trigger.pk).update(next_run=next_run)
    return trigger


def rows(page: str) -> list[list[str]]:
    """Return the texts of the table of schedulers, by row and cell."""
    table = page.split(HEADING)[1].split("</table>", maxsplit=1)[0].split("<tbody>")[1]
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr")]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in cells[1:]]


def test_it_works(sign_in: SignIn) -> None:
    started = datetime(2026, 3, 1, 12, 0)
    scheduler("B", seconds=12, latest_trigger="Nightly", latest_trigger_time=started)
    scheduler("C", seconds=90)
    scheduler("A", seconds=8 * 24 * 3600)
    assert rows(dashboard(sign_in("Viewers"))) == [
        ["C", "✕ Silent", "1 minute ago", "–", "–"],
        ["B", "● In contact", "12 seconds ago", "Nightly", "2026-03-01 12:00"],
        ["A", "– Silent for more than a week", "1 week, 1 day ago", "–", "–"],
    ]


def test_silent_scheduler_is_red(sign_in: SignIn) -> None:
    scheduler(seconds=90)
    assert '<span class="status status-silent">' in dashboard(sign_in())


def test_it_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        scheduler(f"ROBOT-{number}")
        late(trigger_name=f"T{number}")
        queue(queue_name=f"q{number}", min_batch_size=1)
        item(f"q{number}", created_date=timezone.now() - timedelta(hours=1))
    client = sign_in()
    dashboard(client)
    # Session, user, failed items, stuck items, triggers, bans, keys, schedulers, running
    # triggers, due triggers. The numbers of queues are cached.
    with django_assert_num_queries(10):
        dashboard(client)


def test_no_schedulers_yet(sign_in: SignIn) -> None:
    page = dashboard(sign_in())
    assert "No scheduler has been in contact yet." in page
    assert "No scheduler is in contact." in card(page, LATE)


def test_clock_that_is_ahead(sign_in: SignIn) -> None:
    scheduler(seconds=-3600)
    assert rows(dashboard(sign_in()))[0][1:3] == ["● In contact", "0 seconds ago"]


@pytest.mark.parametrize("name", ["🤖" * 100, "<script>1</script>\0"])
def test_any_names(sign_in: SignIn, name: str) -> None:
    scheduler(name, latest_trigger=name)
    page = sign_in().get("/admin/").content.decode()
    assert rows(page)[0][0] == rows(page)[0][3] == escape(name)


def test_absent_table_leaves_the_section_out(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute('DROP TABLE "Schedulers"')
    late()
    with caplog.at_level(logging.INFO):
        page = dashboard(sign_in())
    assert HEADING not in page
    assert LATE not in page
    assert "Triggers that failed or are paused" in page
    assert caplog.messages == []


def test_login_without_the_right_leaves_the_section_out(sign_in: SignIn) -> None:
    scheduler()
    with failing('FROM "Schedulers"', ProgrammingError("42000", "permission was denied (229)")):
        page = dashboard(sign_in())
    assert HEADING not in page
    assert LATE not in page


def test_schedulers_are_for_users_who_may_view_triggers(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scheduler()
    late()
    user = User.objects.create_user("bo", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_bannedip"))
    client.force_login(user)
    page = dashboard(client)
    assert "Active bans" in page
    assert HEADING not in page
    assert LATE not in page


# Late triggers.


def test_late_triggers(sign_in: SignIn) -> None:
    scheduler()
    trigger = late(trigger_name="<b>Late")
    single(trigger_name="Later")
    queue(min_batch_size=2)
    for _ in range(3):
        item("Invoices", created_date=timezone.now() - timedelta(hours=1))
    client = sign_in("Viewers")
    found = card(dashboard(client), LATE)
    since = SingleTrigger.objects.get(pk=trigger.pk).next_run
    assert f"due since {since:%Y-%m-%d %H:%M}" in found
    assert "new items: 3" in found
    assert "Later" not in found
    urls = re.findall(r'href="([^"]*)"', found)
    titles = [client.get(url, follow=True).context["original"].trigger_name for url in urls]
    assert titles == ["<b>Late", "Waiting"]


def test_card_shows_all_late_triggers(sign_in: SignIn) -> None:
    scheduler()
    for number in range(7):
        late(trigger_name=f"T{number}")
    found = card(dashboard(sign_in()), LATE)
    assert re.findall(r">T\d<", found) == [f">T{n}<" for n in range(7)]
    assert '<span class="count">7</span>' in found
    assert "Show all" not in found


def test_schedulers_that_are_silent_start_nothing(sign_in: SignIn) -> None:
    scheduler(seconds=61)
    late()
    assert "No scheduler is in contact." in card(dashboard(sign_in()), LATE)


def test_no_trigger_is_late(sign_in: SignIn) -> None:
    scheduler()
    assert "No trigger is late." in card(dashboard(sign_in()), LATE)
