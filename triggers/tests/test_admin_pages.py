"""The page of a trigger in the admin, one for each kind."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, form_in
from triggers.models import Trigger
from triggers.tests.helpers import (
    Status,
    page_of,
    queue,
    scheduled,
    scheduler_sets,
    single,
    status,
)

pytestmark = pytest.mark.django_db


def save(client: Client, trigger: Trigger, form=None, **changes: str):
    form = form or form_in(client.get(page_of(trigger)), "initial-trigger_name")
    return client.post(page_of(trigger), {**form, **changes})


def errors(response) -> dict[str, list[str]]:
    return response.context["adminform"].form.errors


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (single, ["Report", "Next run"]),
        (scheduled, ["30 7 * * 1-5", "At 07:30, Monday through Friday", "Next run"]),
        (queue, ["Invoices", "Batch size"]),
    ],
)
def test_it_works(sign_in: SignIn, make: Any, texts: list[str]) -> None:
    page = sign_in("Viewers").get(page_of(make(scheduler_whitelist='["ROBOT-01"]')))
    for text in (*texts, "ROBOT-01"):
        assert text in page.content.decode()


def test_a_page_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, trigger = sign_in(), scheduled()
    # Session, user, the trigger, its present status for the buttons, its entries in the log.
    with django_assert_num_queries(5):
        client.get(page_of(trigger))


@pytest.mark.parametrize("make", [single, scheduled, queue])
def test_saving_without_a_change_writes_nothing(sign_in: SignIn, make: Any) -> None:
    trigger = make(
        scheduler_whitelist='["A",  "B"]', process_args=" x\r\ny ", last_run=timezone.now()
    )
    before = type(trigger).objects.values().get()
    assert save(sign_in(), trigger).status_code == 302
    assert type(trigger).objects.values().get() == before


def test_both_tables_are_saved(sign_in: SignIn) -> None:
    trigger = scheduled()
    save(sign_in("Operators"), trigger, trigger_name="Daily", next_run="2030-01-02T03:04:05")
    trigger.refresh_from_db()
    assert trigger.trigger_name == "Daily"
    assert trigger.next_run == datetime(2030, 1, 2, 3, 4, 5)


def test_viewers_may_not(sign_in: SignIn) -> None:
    trigger = single()
    assert sign_in("Viewers").post(page_of(trigger), {}).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("process_path", "C:\\evil.py"),
        ("process_args", "evil"),
        ("is_git_repo", "on"),
        ("git_branch", "evil"),
    ],
)
def test_what_it_runs_is_for_superusers(sign_in: SignIn, name: str, value: str) -> None:
    trigger = single()
    before = getattr(trigger, name)
    save(sign_in("Security admins"), trigger, **{name: value})
    trigger.refresh_from_db()
    assert getattr(trigger, name) == before
    save(sign_in(username="root"), trigger, **{name: value})
    trigger.refresh_from_db()
    assert getattr(trigger, name) != before


# The status.


@pytest.mark.parametrize("new", Status)
def test_the_status_can_be_each_of_the_eight(sign_in: SignIn, new: Any) -> None:
    trigger = single(process_status=Status.DONE if new == Status.IDLE else Status.IDLE)
    save(sign_in("Operators"), trigger, process_status=new)
    assert status(trigger) == new


@pytest.mark.parametrize("new", ["idle", "Idle", "GONE", ""])
def test_and_nothing_else(sign_in: SignIn, new: str) -> None:
    trigger = single()
    assert "process_status" in errors(save(sign_in(), trigger, process_status=new))


@pytest.mark.parametrize("running", Trigger.RUNNING_STATUSES)
def test_idle_for_what_runs_is_asked_again(sign_in: SignIn, running: Any) -> None:
    client, trigger = sign_in(), single(process_status=running)
    asked = save(client, trigger, process_status=Status.IDLE)
    assert "a second one starts beside it" in errors(asked)["process_status"][0]
    assert status(trigger) == running
    save(client, trigger, form_in(asked, "initial-trigger_name"))
    assert status(trigger) == Status.IDLE


# Nobody overwrites anybody.


def test_what_the_scheduler_changed_is_kept(sign_in: SignIn) -> None:
    client, trigger = sign_in(), scheduled()
    form = form_in(client.get(page_of(trigger)), "initial-trigger_name")
    later = timezone.now() + timedelta(days=3)
    scheduler_sets(trigger, process_status=Status.RUNNING)
    type(trigger).objects.filter(pk=trigger.pk).update(next_run=later)
    save(client, trigger, form, priority="9")
    trigger.refresh_from_db()
    assert (trigger.priority, trigger.process_status) == (9, Status.RUNNING)
    assert trigger.next_run == later


@pytest.mark.parametrize(
    ("name", "value"), [("process_status", "PAUSED"), ("next_run", "2030-01-01T00:00:00")]
)
def test_what_was_changed_meanwhile_is_not_overwritten(
    sign_in: SignIn, name: str, value: str
) -> None:
    client, trigger = sign_in(), scheduled()
    form = form_in(client.get(page_of(trigger)), "initial-trigger_name")
    scheduler_sets(trigger, process_status=Status.RUNNING)
    moved = timezone.now() + timedelta(days=3)
    type(trigger).objects.filter(pk=trigger.pk).update(next_run=moved)
    assert name in errors(save(client, trigger, form, priority="9", **{name: value}))
    trigger.refresh_from_db()
    assert (trigger.priority, trigger.process_status) == (0, Status.RUNNING)
    assert trigger.next_run == moved


def test_a_time_with_fractions_of_a_second_is_no_change(sign_in: SignIn) -> None:
    client, trigger = sign_in(), single()
    type(trigger).objects.update(next_run=datetime(2030, 1, 1, 12, 0, 0, 123456))
    assert save(client, trigger, next_run="2031-01-01T00:00:00").status_code == 302


# Fields.


@pytest.mark.parametrize("cron", ["x", "61 * * * *", "0 0 30 2 *", "* * * *", "@daily"])
def test_a_cron_expression_is_one_that_the_scheduler_reads(sign_in: SignIn, cron: str) -> None:
    assert "cron_expr" in errors(save(sign_in(), scheduled(), cron_expr=cron))


@pytest.mark.parametrize(
    "cron", ["*/10 * * * * *", "0 30 7 * * 1-5", "0 0 31 2 1", "0 0 30 FEB MON", "0 0 31 4,6 5"]
)
def test_nor_one_that_only_a_later_cronsim_than_the_schedulers_reads(
    sign_in: SignIn, cron: str
) -> None:
    assert "cron_expr" in errors(save(sign_in(), scheduled(), cron_expr=cron))


@pytest.mark.parametrize("cron", ["0 0 31 2,3 1", "0 0 29 2 1", "0 0 LW * *", "0 0 * * 5L"])
def test_days_that_some_months_have_are_fine(sign_in: SignIn, cron: str) -> None:
    assert save(sign_in(), scheduled(), cron_expr=cron).status_code == 302


def test_a_new_cron_expression_sets_the_next_run(sign_in: SignIn) -> None:
    trigger = scheduled()
    save(sign_in(), trigger, cron_expr="15 3 * * *")
    trigger.refresh_from_db()
    assert f"{trigger.next_run:%H:%M}" == "03:15"
    assert "next run: " in LogEntry.objects.get().get_change_message()


def test_unless_the_person_sets_it(sign_in: SignIn) -> None:
    trigger = scheduled()
    save(sign_in(), trigger, cron_expr="15 3 * * *", next_run="2030-01-01T00:00:00")
    trigger.refresh_from_db()
    assert trigger.next_run == datetime(2030, 1, 1)


def test_machines_are_one_a_line(sign_in: SignIn) -> None:
    client, trigger = sign_in(), single(scheduler_whitelist='["ROBOT-01", "Ærø"]')
    form = form_in(client.get(page_of(trigger)), "initial-trigger_name")
    assert form["scheduler_whitelist"] == "ROBOT-01\nÆrø"
    save(client, trigger, form, scheduler_whitelist="ROBOT-02\r\n\r\n Ærø ")
    trigger.refresh_from_db()
    assert json.loads(trigger.scheduler_whitelist) == ["ROBOT-02", "Ærø"]


def test_no_machines_are_null(sign_in: SignIn) -> None:
    trigger = single(scheduler_whitelist='["ROBOT-01"]')
    save(sign_in(), trigger, scheduler_whitelist="")
    trigger.refresh_from_db()
    assert trigger.scheduler_whitelist is None


def test_machines_fit_their_column(sign_in: SignIn) -> None:
    machines = "\n".join(f"ROBOT-{n:04}" for n in range(30))
    assert "scheduler_whitelist" in errors(save(sign_in(), single(), scheduler_whitelist=machines))


@pytest.mark.parametrize("size", ["0", "-1", "x", ""])
def test_a_batch_has_an_item(sign_in: SignIn, size: str) -> None:
    assert "min_batch_size" in errors(save(sign_in(), queue(), min_batch_size=size))


# The log, and what is not there.


def test_the_log_says_what_changed_from_what_to_what(sign_in: SignIn) -> None:
    trigger = queue()
    save(sign_in(), trigger, min_batch_size="7", trigger_name="Now")
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == 'name: "Waiting" → "Now"; batch size: 5 → 7'
    assert entry.content_type.model == "trigger"


def test_the_history_is_that_of_the_trigger(sign_in: SignIn) -> None:
    client, trigger = sign_in(), queue()
    save(client, trigger, min_batch_size="7")
    page = client.get(f"/admin/triggers/queuetrigger/{trigger.pk}/history/", follow=True)
    assert "batch size: 5 → 7" in page.content.decode()


@pytest.mark.parametrize("kind", ["single", "scheduled", "queue"])
def test_triggers_are_made_in_openorchestrator(sign_in: SignIn, kind: str) -> None:
    assert sign_in().get(f"/admin/triggers/{kind}trigger/add/").status_code == 403


def test_operators_delete_none(sign_in: SignIn) -> None:
    trigger = single()
    url = f"/admin/triggers/singletrigger/{trigger.pk}/delete/"
    assert sign_in("Operators").post(url, {"post": "yes"}).status_code == 403


def test_a_superuser_deletes_both_rows(sign_in: SignIn) -> None:
    trigger = single()
    sign_in().post(f"/admin/triggers/singletrigger/{trigger.pk}/delete/", {"post": "yes"})
    assert not Trigger.objects.exists()
    entry = LogEntry.objects.get()
    assert entry.content_type.model == "trigger"
    assert 'path: "C:\\\\Robots\\\\main.py" → (empty)' in entry.get_change_message()


def test_a_name_with_white_space_at_its_end_can_be_changed(sign_in: SignIn) -> None:
    trigger = single(trigger_name="Report ")
    save(sign_in(), trigger, trigger_name="Report 2")
    trigger.refresh_from_db()
    assert trigger.trigger_name == "Report 2"


def test_a_status_of_somebody_elses_making_is_left_alone(sign_in: SignIn) -> None:
    trigger = single(process_status="WEIRD")
    save(sign_in(), trigger, priority="7")
    trigger.refresh_from_db()
    assert (trigger.process_status, trigger.priority) == ("WEIRD", 7)


@pytest.mark.parametrize("time", ["2030-01-01T07:00:00+02:00", "0001-01-01T00:00:00", "x", ""])
def test_a_next_run_is_a_local_time(sign_in: SignIn, time: str) -> None:
    assert "next_run" in errors(save(sign_in(), single(), next_run=time))


def test_what_is_not_touched_is_not_judged(sign_in: SignIn) -> None:
    trigger = scheduled(cron_expr="nonsense")
    save(sign_in(), trigger, priority="7")
    trigger.refresh_from_db()
    assert (trigger.cron_expr, trigger.priority) == ("nonsense", 7)
