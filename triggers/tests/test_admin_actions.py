"""Pause, resume and set idle, from the list and by one click."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, failing, form_in, messages_in
from triggers.models import Trigger
from triggers.tests.helpers import (
    LIST,
    Status,
    change_url,
    click,
    confirm,
    queue,
    scheduled,
    scheduler_sets,
    select_action,
    single,
    status,
)

pytestmark = pytest.mark.django_db


def test_pause_from_the_list_works(sign_in: SignIn) -> None:
    client, first, second = sign_in("Operators"), single(), queue(process_status=Status.RUNNING)
    response = confirm(client, select_action(client, "pause", first, second))
    assert (status(first), status(second)) == (Status.PAUSED, Status.PAUSING)
    assert messages_in(response) == ["Pause: 2 rows."]


PAUSED = dict.fromkeys(Status, Status.PAUSED) | {Status.RUNNING: Status.PAUSING}
RESUMED = {each: each for each in Status} | {
    Status.PAUSED: Status.IDLE,
    Status.PAUSING: Status.RUNNING,
}


@pytest.mark.parametrize("before", Status)
def test_pause(before: Status) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).pause()
    assert status(trigger) == PAUSED[before]


@pytest.mark.parametrize("before", Status)
def test_resume(before: Status) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).resume()
    assert status(trigger) == RESUMED[before]


@pytest.mark.parametrize("before", Status)
def test_set_idle(before: Status) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).set_idle()
    assert status(trigger) == Status.IDLE


@pytest.mark.parametrize("before", Status)
def test_kill(before: Status) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).kill()
    assert status(trigger) == (Status.KILLING if before == Status.RUNNING else before)


@pytest.mark.parametrize("method", ["pause", "resume", "set_idle", "kill"])
def test_each_method_is_one_update(
    method: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scheduled(), single()
    with django_assert_num_queries(1):
        getattr(Trigger.objects.all(), method)()


# One click.


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pause", Status.IDLE, Status.PAUSED),
        ("pause", Status.RUNNING, Status.PAUSING),
        ("resume", Status.PAUSED, Status.IDLE),
        ("resume", Status.PAUSING, Status.RUNNING),
        ("set_idle", Status.FAILED, Status.IDLE),
    ],
)
def test_one_click_changes_the_status(
    sign_in: SignIn, action: str, before: Status, after: Status
) -> None:
    trigger = single(process_status=before)
    response = click(sign_in("Operators"), action, trigger)
    assert response["Location"] == LIST
    assert status(trigger) == after


def test_one_click_redirects_to_the_referring_page(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    came_from = f"http://testserver{change_url(trigger)}"
    assert click(client, "pause", trigger, headers={"Referer": came_from})["Location"] == came_from


def test_one_click_does_not_redirect_to_another_site(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    assert (
        click(client, "pause", trigger, headers={"Referer": "http://evil.example/"})["Location"]
        == LIST
    )


def test_one_click_on_a_changed_status_does_nothing(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    scheduler_sets(trigger, process_status=Status.RUNNING)
    response = click(client, "pause", trigger, shown=Status.IDLE)
    assert status(trigger) == Status.RUNNING
    assert "Not changed, because" in messages_in(client.get(response["Location"]))[0]


@pytest.mark.parametrize("running", Trigger.RUNNING_STATUSES)
def test_set_idle_of_a_running_trigger_needs_confirmation(sign_in: SignIn, running: Status) -> None:
    client, trigger = sign_in("Operators"), single(process_status=running)
    page = click(client, "set_idle", trigger)
    assert page.status_code == 200
    assert "a second robot starts beside it" in page.content.decode()
    assert status(trigger) == running
    confirm(client, page)
    assert status(trigger) == Status.IDLE


def test_confirmation_page_warns_of_running_triggers(sign_in: SignIn) -> None:
    client, idle, running = sign_in(), single(), single(process_status=Status.RUNNING)
    page = select_action(client, "set_idle", idle, running)
    assert page.context["total"] == 1
    assert "a second robot starts beside it" in page.content.decode()


@pytest.mark.parametrize("action", ["pause", "resume", "set_idle"])
def test_viewers_cannot_run_actions(sign_in: SignIn, action: str) -> None:
    client, trigger = sign_in("Viewers"), single(process_status=Status.PAUSING)
    assert click(client, action, trigger).status_code == 403
    select_action(client, action, trigger)
    assert status(trigger) == Status.PAUSING


def test_anonymous_users_cannot_run_actions(client: Client) -> None:
    trigger = single()
    assert click(client, "pause", trigger)["Location"].startswith("/admin/login/")
    assert status(trigger) == Status.IDLE


def test_one_click_needs_a_csrf_token(sign_in: SignIn) -> None:
    trigger = single()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = sign_in().cookies
    assert click(strict, "pause", trigger).status_code == 403


def test_get_of_a_one_click_url_changes_nothing(sign_in: SignIn) -> None:
    trigger = single()
    client = sign_in()
    assert client.get(f"/admin/triggers/trigger/{trigger.pk}/at-once/pause/")["Location"] == LIST
    assert status(trigger) == Status.IDLE


def test_unknown_action_gets_404(sign_in: SignIn) -> None:
    assert click(sign_in(), "kill", single()).status_code == 404


def test_action_that_does_not_apply_gets_404(sign_in: SignIn) -> None:
    trigger = single(process_status=Status.FAILED)
    assert click(sign_in(), "resume", trigger).status_code == 404
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("before", [Status.KILLING, Status.PAUSING])
def test_pause_of_a_trigger_that_ends_needs_confirmation(sign_in: SignIn, before: Status) -> None:
    client, trigger = sign_in(), single(process_status=before)
    page = click(client, "pause", trigger)
    assert page.context["warnings"]
    assert status(trigger) == before


def test_unknown_status_is_not_resumed(sign_in: SignIn) -> None:
    client, weird, paused = (
        sign_in(),
        single(process_status="WEIRD"),
        single(process_status=Status.PAUSED),
    )
    page = select_action(client, "resume", weird, paused)
    assert page.context["total"] == 1


def test_trigger_started_by_the_scheduler_is_not_changed(sign_in: SignIn) -> None:
    client, started, other = sign_in(), single(), single()
    page = select_action(client, "pause", started, other)
    scheduler_sets(started, process_status=Status.RUNNING)
    response = confirm(client, page)
    assert (status(started), status(other)) == (Status.RUNNING, Status.PAUSED)
    assert "Not changed, because" in messages_in(response)[0]


# The page to return to.


def test_a_confirmed_one_click_returns_to_the_page_of_the_trigger(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single(process_status=Status.RUNNING)
    came_from = f"http://testserver{change_url(trigger)}?_changelist_filters=q%3DReport"
    page = click(client, "set_idle", trigger, headers={"Referer": came_from})
    assert page.context["back"] == came_from
    assert f'<a href="{came_from}"' in page.content.decode()
    assert client.post(LIST, form_in(page, "selection"))["Location"] == came_from


def test_a_failing_database_is_reported_after_one_click(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    with failing('UPDATE "Triggers"', OperationalError("deadlock victim")):
        response = click(client, "pause", trigger)
    assert "the database failed" in messages_in(client.get(response["Location"]))[0]
    assert status(trigger) == Status.IDLE


def test_one_click_needs_no_cache(sign_in: SignIn, unreachable_cache: None) -> None:
    client, trigger = sign_in("Operators"), single()
    click(client, "pause", trigger)
    assert status(trigger) == Status.PAUSED


# The log.


def test_each_trigger_gets_a_log_entry(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), scheduled(process_status=Status.RUNNING)
    click(client, "pause", trigger)
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "status: RUNNING → PAUSING"
    assert (entry.object_repr, entry.get_admin_url()) == (
        "Nightly",
        f"/admin/triggers/trigger/{trigger.pk}/change/",
    )
    assert "status: RUNNING → PAUSING" in client.get(change_url(trigger)).content.decode()


# Kill.


def test_kill_asks_and_then_kills(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single(process_status=Status.RUNNING)
    page = click(client, "kill", trigger)
    assert "Work stays half done" in page.content.decode()
    assert status(trigger) == Status.RUNNING
    confirm(client, page)
    assert status(trigger) == Status.KILLING
    assert LogEntry.objects.get().get_change_message() == "status: RUNNING → KILLING"


@pytest.mark.parametrize("before", [Status.RUNNING, Status.PAUSING, Status.IDLE])
def test_kill_is_offered_while_a_trigger_runs(sign_in: SignIn, before: Status) -> None:
    trigger = single(process_status=before)
    page = sign_in("Operators").get(change_url(trigger)).content.decode()
    assert (f"{trigger.pk}/at-once/kill/" in page) == (before == Status.RUNNING)


def test_kill_from_the_list_skips_triggers_that_do_not_run(sign_in: SignIn) -> None:
    client, running, idle = sign_in("Operators"), single(process_status=Status.RUNNING), queue()
    confirm(client, select_action(client, "kill", running, idle))
    assert (status(running), status(idle)) == (Status.KILLING, Status.IDLE)


def test_trigger_that_ends_before_the_confirmation_is_not_killed(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single(process_status=Status.RUNNING)
    page = click(client, "kill", trigger)
    scheduler_sets(trigger, process_status=Status.DONE)
    confirm(client, page)
    assert status(trigger) == Status.DONE


def test_viewers_can_not_kill(sign_in: SignIn) -> None:
    trigger = single(process_status=Status.RUNNING)
    assert click(sign_in("Viewers"), "kill", trigger).status_code == 403
