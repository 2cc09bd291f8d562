"""Pause, resume and set idle, from the list and by one click."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, said
from triggers.models import Trigger
from triggers.tests.helpers import (
    LIST,
    Status,
    ask,
    click,
    confirm,
    page_of,
    queue,
    scheduled,
    scheduler_sets,
    single,
    status,
)

pytestmark = pytest.mark.django_db


def test_it_works(sign_in: SignIn) -> None:
    client, first, second = sign_in("Operators"), single(), queue(process_status=Status.RUNNING)
    answer = confirm(client, ask(client, "pause", first, second))
    assert (status(first), status(second)) == (Status.PAUSED, Status.PAUSING)
    assert said(answer) == ["Pause: 2 rows."]


PAUSED = dict.fromkeys(Status, Status.PAUSED) | {Status.RUNNING: Status.PAUSING}
RESUMED = {each: each for each in Status} | {
    Status.PAUSED: Status.IDLE,
    Status.PAUSING: Status.RUNNING,
}


@pytest.mark.parametrize("before", Status)
def test_pause(before: Any) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).pause()
    assert status(trigger) == PAUSED[before]


@pytest.mark.parametrize("before", Status)
def test_resume(before: Any) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).resume()
    assert status(trigger) == RESUMED[before]


@pytest.mark.parametrize("before", Status)
def test_set_idle(before: Any) -> None:
    trigger = single(process_status=before)
    Trigger.objects.filter(pk=trigger.pk).set_idle()
    assert status(trigger) == Status.IDLE


@pytest.mark.parametrize("verb", ["pause", "resume", "set_idle"])
def test_each_is_one_update(verb: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    scheduled(), single()
    with django_assert_num_queries(1):
        getattr(Trigger.objects.all(), verb)()


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
def test_one_click(sign_in: SignIn, action: str, before: Any, after: Any) -> None:
    trigger = single(process_status=before)
    response = click(sign_in("Operators"), action, trigger)
    assert response.url == LIST
    assert status(trigger) == after


def test_one_click_leads_back_to_where_it_was(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    came_from = f"http://testserver{page_of(trigger)}"
    assert click(client, "pause", trigger, headers={"Referer": came_from}).url == came_from


def test_and_never_elsewhere(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    assert click(client, "pause", trigger, headers={"Referer": "http://evil.example/"}).url == LIST


def test_one_click_on_what_has_changed_does_nothing(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), single()
    scheduler_sets(trigger, process_status=Status.RUNNING)
    response = click(client, "pause", trigger, shown=Status.IDLE)
    assert status(trigger) == Status.RUNNING
    assert "1 was left as it is" in said(client.get(response.url))[0]


@pytest.mark.parametrize("running", Trigger.RUNNING_STATUSES)
def test_to_set_idle_what_runs_is_asked_first(sign_in: SignIn, running: Any) -> None:
    client, trigger = sign_in("Operators"), single(process_status=running)
    question = click(client, "set_idle", trigger)
    assert question.status_code == 200
    assert "a second one starts beside it" in question.content.decode()
    assert status(trigger) == running
    confirm(client, question)
    assert status(trigger) == Status.IDLE


def test_in_the_list_it_is_asked_too(sign_in: SignIn) -> None:
    client, idle, running = sign_in(), single(), single(process_status=Status.RUNNING)
    question = ask(client, "set_idle", idle, running)
    assert question.context["total"] == 1
    assert "a second one starts beside it" in question.content.decode()


@pytest.mark.parametrize("action", ["pause", "resume", "set_idle"])
def test_viewers_may_not(sign_in: SignIn, action: str) -> None:
    client, trigger = sign_in("Viewers"), single(process_status=Status.PAUSING)
    assert click(client, action, trigger).status_code == 403
    ask(client, action, trigger)
    assert status(trigger) == Status.PAUSING


def test_strangers_may_not(client: Client) -> None:
    trigger = single()
    assert click(client, "pause", trigger).url.startswith("/admin/login/")
    assert status(trigger) == Status.IDLE


def test_one_click_needs_a_csrf_token(sign_in: SignIn) -> None:
    trigger = single()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = sign_in().cookies
    assert click(strict, "pause", trigger).status_code == 403


def test_to_open_the_address_of_a_click_changes_nothing(sign_in: SignIn) -> None:
    trigger = single()
    client = sign_in()
    assert client.get(f"/admin/triggers/trigger/{trigger.pk}/at-once/pause/").url == LIST
    assert status(trigger) == Status.IDLE


def test_an_unknown_action_is_not_found(sign_in: SignIn) -> None:
    assert click(sign_in(), "kill", single()).status_code == 404


def test_an_action_that_no_page_offers_is_not_found(sign_in: SignIn) -> None:
    trigger = single(process_status=Status.FAILED)
    assert click(sign_in(), "resume", trigger).status_code == 404
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("before", [Status.KILLING, Status.PAUSING])
def test_to_pause_what_is_being_ended_is_asked_first(sign_in: SignIn, before: Any) -> None:
    client, trigger = sign_in(), single(process_status=before)
    question = click(client, "pause", trigger)
    assert question.context["warnings"]
    assert status(trigger) == before


def test_a_status_of_somebody_elses_making_is_not_resumed(sign_in: SignIn) -> None:
    client, weird, paused = (
        sign_in(),
        single(process_status="WEIRD"),
        single(process_status=Status.PAUSED),
    )
    question = ask(client, "resume", weird, paused)
    assert question.context["total"] == 1


# Nobody overwrites anybody.


def test_what_the_scheduler_started_meanwhile_is_left_alone(sign_in: SignIn) -> None:
    client, started, other = sign_in(), single(), single()
    question = ask(client, "pause", started, other)
    scheduler_sets(started, process_status=Status.RUNNING)
    answer = confirm(client, question)
    assert (status(started), status(other)) == (Status.RUNNING, Status.PAUSED)
    assert "1 was left as it is" in said(answer)[0]


# The log.


def test_each_has_its_entry(sign_in: SignIn) -> None:
    client, trigger = sign_in("Operators"), scheduled(process_status=Status.RUNNING)
    click(client, "pause", trigger)
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "status: RUNNING → PAUSING"
    assert (entry.object_repr, entry.get_admin_url()) == (
        "Nightly",
        f"/admin/triggers/trigger/{trigger.pk}/change/",
    )
    assert "status: RUNNING → PAUSING" in client.get(page_of(trigger)).content.decode()
