"""The list of triggers in the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn
from triggers.models import Trigger
from triggers.tests.helpers import LIST, Status, change_url, queue, scheduled, single

pytestmark = pytest.mark.django_db


def text_of(client: Client, query: str = "") -> str:
    return client.get(LIST + query).content.decode().replace("\xa0", " ")


def test_names_link_to_the_pages_of_triggers(sign_in: SignIn) -> None:
    for trigger in (single(), scheduled(), queue()):
        assert change_url(trigger) in text_of(sign_in(username=trigger.trigger_name))


def test_list_shows_all_trigger_types(sign_in: SignIn) -> None:
    single(process_status=Status.FAILED, priority=7)
    scheduled(scheduler_whitelist='["ROBOT-01", "ROBOT-02"]')
    queue()
    page = text_of(sign_in("Viewers"))
    for text in (
        *("Single", "Scheduled", "Queue", "Year-end", "Failed", ">7<"),
        *("30 7 * * 1-5", "At 07:30", "Monday through Friday"),
        *("Invoices, from 5 items on", "ROBOT-01, ROBOT-02"),
    ):
        assert text in page


def test_list_takes_three_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for make in (single, scheduled, queue):
        for _ in range(5):
            make()
    client = sign_in()
    with django_assert_num_queries(3):  # session, user, the triggers with all their tables
        client.get(LIST)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?type__exact=QUEUE", ["Waiting"]),
        ("?process_status__exact=PAUSED", ["Nightly"]),
        ("?process_status__in=FAILED,PAUSED", ["Nightly", "Report"]),
        ("?q=invoices", ["Waiting"]),
        ("?q=year-end", ["Report"]),
        ("?q=nig", ["Nightly"]),
    ],
)
def test_filters_and_search(sign_in: SignIn, query: str, names: list[str]) -> None:
    single(process_status=Status.FAILED)
    scheduled(process_status=Status.PAUSED, process_name="Sync")
    queue(process_name="Approval")
    shown = sign_in().get(LIST + query).context["cl"].result_list
    assert [trigger.trigger_name for trigger in shown] == names


@pytest.mark.parametrize("text", ["ROBOT-01", '{"a": 1}', "[broken", "[1, null]", "7", "null"])
def test_invalid_list_of_machines_is_shown(sign_in: SignIn, text: str) -> None:
    trigger = single(scheduler_whitelist=text)
    client = sign_in()
    assert client.get(LIST).status_code == 200
    assert client.get(change_url(trigger)).status_code == 200


@pytest.mark.parametrize("cron", ["", "nonsense", "* * * * * * *", "@daily", "0 0 30 2 *"])
def test_invalid_cron_expression_is_shown(sign_in: SignIn, cron: str) -> None:
    trigger = scheduled(cron_expr=cron)
    client = sign_in()
    assert client.get(LIST).status_code == 200
    assert client.get(change_url(trigger)).status_code == 200


def test_trigger_without_a_row_of_its_type_is_shown(sign_in: SignIn) -> None:
    trigger = Trigger.objects.create(trigger_name="Half", type=Trigger.Type.SINGLE)
    client = sign_in()
    url = reverse("admin:triggers_trigger_change", args=[trigger.pk])
    assert f'<a href="{url}">Half</a>' in text_of(client)
    assert client.get(url).status_code == 200
    assert client.post(url, {}).status_code == 403


def test_trigger_of_unknown_type_is_shown(sign_in: SignIn) -> None:
    trigger = Trigger.objects.create(trigger_name="Odd", type="FOO")
    client = sign_in()
    assert "Odd" in text_of(client)
    page = client.get(reverse("admin:triggers_trigger_change", args=[trigger.pk]))
    assert "Odd" in page.content.decode()


def test_trigger_redirects_to_the_page_of_its_type(sign_in: SignIn) -> None:
    trigger = scheduled()
    response = sign_in().get(reverse("admin:triggers_trigger_change", args=[trigger.pk]))
    assert response["Location"] == change_url(trigger)


@pytest.mark.parametrize("trigger_type", ["single", "scheduled", "queue"])
def test_list_of_a_type_redirects_to_the_filtered_list(sign_in: SignIn, trigger_type: str) -> None:
    response = sign_in().get(reverse(f"admin:triggers_{trigger_type}trigger_changelist"))
    assert response["Location"] == f"{LIST}?type__exact={trigger_type.upper()}"


def test_the_menu_has_one_entry(sign_in: SignIn) -> None:
    menu = sign_in().get("/admin/").context["app_list"]
    (triggers,) = (app for app in menu if app["app_label"] == "triggers")
    assert [model["object_name"] for model in triggers["models"]] == ["Trigger"]


def test_viewers_have_no_buttons(sign_in: SignIn) -> None:
    single()
    assert "formaction" not in text_of(sign_in("Viewers"))


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        (Status.IDLE, ["pause"]),
        (Status.RUNNING, ["pause"]),
        (Status.PAUSED, ["resume", "set_idle"]),
        (Status.PAUSING, ["resume"]),
        (Status.FAILED, ["pause", "set_idle"]),
        (Status.DONE, ["pause", "set_idle"]),
    ],
)
def test_operators_see_the_buttons_that_apply(
    sign_in: SignIn, status: Status, buttons: list[str]
) -> None:
    single(process_status=status)
    page = text_of(sign_in("Operators"))
    assert [name for name in ("pause", "resume", "set_idle") if f"/{name}/" in page] == buttons


def test_list_shows_several_statuses_and_says_so(sign_in: SignIn) -> None:
    for status in (Status.FAILED, Status.PAUSED, Status.IDLE):
        single(trigger_name=f"T {status}", process_status=status)
    page = sign_in().get(f"{LIST}?process_status__in=FAILED,PAUSED")
    assert [row.trigger_name for row in page.context["cl"].result_list] == ["T FAILED", "T PAUSED"]
    assert "<strong>status</strong> Failed, Paused" in page.content.decode()
