"""The pages of triggers in the admin, one for each trigger type."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.forms import ModelForm
from django.forms.utils import ErrorDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import ClientResponse, SignIn, form_in
from triggers.models import Trigger
from triggers.tests.helpers import (
    Status,
    change_url,
    queue,
    scheduled,
    scheduler_sets,
    single,
    status,
)

pytestmark = pytest.mark.django_db


def save(
    client: Client, trigger: Trigger, form: dict[str, str] | None = None, /, **changes: str
) -> ClientResponse:
    """Post the form of the page with these changes."""
    form = form or form_in(client.get(change_url(trigger)), "initial-trigger_name")
    return client.post(change_url(trigger), {**form, **changes})


def errors(response: ClientResponse) -> ErrorDict:
    form: ModelForm = response.context["adminform"].form
    return form.errors


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (single, ["Report", "Next run"]),
        (scheduled, ["30 7 * * 1-5", "At 07:30, Monday through Friday", "Next run"]),
        (queue, ["Invoices", "Batch size"]),
    ],
)
def test_page_shows_the_trigger(sign_in: SignIn, make: Any, texts: list[str]) -> None:
    page = sign_in("Viewers").get(change_url(make(scheduler_whitelist='["ROBOT-01"]')))
    for text in (*texts, "ROBOT-01"):
        assert text in page.content.decode()


def test_page_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, trigger = sign_in(), scheduled()
    client.get(change_url(trigger))  # then the content type is cached
    # Session, user, the trigger, its log entries, its jobs, and whether there is a table of jobs.
    with django_assert_num_queries(6):
        client.get(change_url(trigger))


@pytest.mark.parametrize("make", [single, scheduled, queue])
def test_save_without_a_change_writes_nothing(sign_in: SignIn, make: Any) -> None:
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


def test_viewers_get_403(sign_in: SignIn) -> None:
    trigger = single()
    assert sign_in("Viewers").post(change_url(trigger), {}).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("process_path", "C:\\evil.py"),
        ("process_args", "evil"),
        ("is_git_repo", "on"),
        ("git_branch", "evil"),
    ],
)
def test_only_superusers_can_change_the_process(sign_in: SignIn, name: str, value: str) -> None:
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
def test_each_status_can_be_set(sign_in: SignIn, new: Status) -> None:
    trigger = single(process_status=Status.DONE if new == Status.IDLE else Status.IDLE)
    save(sign_in("Operators"), trigger, process_status=new)
    assert status(trigger) == new


@pytest.mark.parametrize("new", ["idle", "Idle", "GONE", ""])
def test_unknown_status_is_refused(sign_in: SignIn, new: str) -> None:
    trigger = single()
    assert "process_status" in errors(save(sign_in(), trigger, process_status=new))


@pytest.mark.parametrize("running", Trigger.RUNNING_STATUSES)
def test_idle_for_a_running_trigger_needs_a_second_save(sign_in: SignIn, running: Status) -> None:
    client, trigger = sign_in(), single(process_status=running)
    refused = save(client, trigger, process_status=Status.IDLE)
    assert "a second robot starts beside it" in errors(refused)["process_status"][0]
    assert status(trigger) == running
    save(client, trigger, form_in(refused, "initial-trigger_name"))
    assert status(trigger) == Status.IDLE


def test_second_save_for_one_status_does_not_confirm_another(sign_in: SignIn) -> None:
    client, trigger = sign_in(), single(process_status=Status.RUNNING)
    refused = save(client, trigger, process_status=Status.IDLE)
    scheduler_sets(trigger, process_status=Status.PAUSING)
    form = {**form_in(refused, "initial-trigger_name"), "initial-process_status": Status.PAUSING}
    assert "a second robot" in errors(save(client, trigger, form))["process_status"][0]


# Conflicts with the scheduler.


def test_changes_of_the_scheduler_are_kept(sign_in: SignIn) -> None:
    client, trigger = sign_in(), scheduled()
    form = form_in(client.get(change_url(trigger)), "initial-trigger_name")
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
def test_field_that_the_scheduler_changed_is_not_overwritten(
    sign_in: SignIn, name: str, value: str
) -> None:
    client, trigger = sign_in(), scheduled()
    form = form_in(client.get(change_url(trigger)), "initial-trigger_name")
    scheduler_sets(trigger, process_status=Status.RUNNING)
    moved = timezone.now() + timedelta(days=3)
    type(trigger).objects.filter(pk=trigger.pk).update(next_run=moved)
    assert name in errors(save(client, trigger, form, priority="9", **{name: value}))
    trigger.refresh_from_db()
    assert (trigger.priority, trigger.process_status) == (0, Status.RUNNING)
    assert trigger.next_run == moved


def test_fraction_of_a_second_is_not_a_conflict(sign_in: SignIn) -> None:
    client, trigger = sign_in(), single()
    type(trigger).objects.update(next_run=datetime(2030, 1, 1, 12, 0, 0, 123456))
    assert save(client, trigger, next_run="2031-01-01T00:00:00").status_code == 302


# Fields.


@pytest.mark.parametrize("cron", ["x", "61 * * * *", "0 0 30 2 *", "* * * *", "@daily"])
def test_cron_expression_that_the_scheduler_cannot_read_is_refused(
    sign_in: SignIn, cron: str
) -> None:
    assert "cron_expr" in errors(save(sign_in(), scheduled(), cron_expr=cron))


@pytest.mark.parametrize(
    "cron", ["*/10 * * * * *", "0 30 7 * * 1-5", "0 0 31 2 1", "0 0 30 FEB MON", "0 0 31 4,6 5"]
)
def test_cron_expression_of_a_later_cronsim_is_refused(sign_in: SignIn, cron: str) -> None:
    assert "cron_expr" in errors(save(sign_in(), scheduled(), cron_expr=cron))


@pytest.mark.parametrize("cron", ["0 0 31 2,3 1", "0 0 29 2 1", "0 0 LW * *", "0 0 * * 5L"])
def test_days_that_only_some_months_have_are_accepted(sign_in: SignIn, cron: str) -> None:
    assert save(sign_in(), scheduled(), cron_expr=cron).status_code == 302


def test_new_cron_expression_sets_the_next_run(sign_in: SignIn) -> None:
    trigger = scheduled()
    save(sign_in(), trigger, cron_expr="15 3 * * *")
    trigger.refresh_from_db()
    assert f"{trigger.next_run:%H:%M}" == "03:15"
    assert "next run: " in LogEntry.objects.get().get_change_message()


def test_next_run_set_by_the_user_is_kept(sign_in: SignIn) -> None:
    trigger = scheduled()
    save(sign_in(), trigger, cron_expr="15 3 * * *", next_run="2030-01-01T00:00:00")
    trigger.refresh_from_db()
    assert trigger.next_run == datetime(2030, 1, 1)


def test_machines_are_shown_one_per_line(sign_in: SignIn) -> None:
    client, trigger = sign_in(), single(scheduler_whitelist='["ROBOT-01", "Ærø"]')
    form = form_in(client.get(change_url(trigger)), "initial-trigger_name")
    assert form["scheduler_whitelist"] == "ROBOT-01\nÆrø"
    save(client, trigger, form, scheduler_whitelist="ROBOT-02\r\n\r\n Ærø ")
    trigger.refresh_from_db()
    assert trigger.machines == ["ROBOT-02", "Ærø"]


def test_no_machines_are_saved_as_null(sign_in: SignIn) -> None:
    trigger = single(scheduler_whitelist='["ROBOT-01"]')
    save(sign_in(), trigger, scheduler_whitelist="")
    trigger.refresh_from_db()
    assert trigger.scheduler_whitelist is None


def test_machines_longer_than_their_column_are_refused(sign_in: SignIn) -> None:
    machines = "\n".join(f"ROBOT-{n:04}" for n in range(30))
    refused = errors(save(sign_in(), single(), scheduler_whitelist=machines))
    assert refused["scheduler_whitelist"] == [
        "These names need more room than there is: 250 characters."
    ]


@pytest.mark.parametrize("size", ["0", "-1", "x", ""])
def test_batch_size_below_one_is_refused(sign_in: SignIn, size: str) -> None:
    assert "min_batch_size" in errors(save(sign_in(), queue(), min_batch_size=size))


# The log, adding and deleting.


def test_log_entry_has_old_and_new_values(sign_in: SignIn) -> None:
    trigger = queue()
    save(sign_in(), trigger, min_batch_size="7", trigger_name="Now")
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == 'name: "Waiting" → "Now"; batch size: 5 → 7'
    assert entry.content_type == ContentType.objects.get_for_model(Trigger)


def test_history_url_redirects_to_the_trigger(sign_in: SignIn) -> None:
    client, trigger = sign_in(), queue()
    save(client, trigger, min_batch_size="7")
    page = client.get(f"/admin/triggers/queuetrigger/{trigger.pk}/history/", follow=True)
    assert "batch size: 5 → 7" in page.content.decode()


@pytest.mark.parametrize("trigger_type", ["single", "scheduled", "queue"])
def test_triggers_cannot_be_added(sign_in: SignIn, trigger_type: str) -> None:
    assert sign_in().get(f"/admin/triggers/{trigger_type}trigger/add/").status_code == 403


def test_operators_cannot_delete_triggers(sign_in: SignIn) -> None:
    trigger = single()
    url = f"/admin/triggers/singletrigger/{trigger.pk}/delete/"
    assert sign_in("Operators").post(url, {"post": "yes"}).status_code == 403


def test_superusers_can_delete_triggers(sign_in: SignIn) -> None:
    trigger = single()
    sign_in().post(f"/admin/triggers/singletrigger/{trigger.pk}/delete/", {"post": "yes"})
    assert not Trigger.objects.exists()
    entry = LogEntry.objects.get()
    assert entry.content_type == ContentType.objects.get_for_model(Trigger)
    assert 'path: "C:\\\\Robots\\\\main.py" → (empty)' in entry.get_change_message()


def test_name_with_trailing_white_space_can_be_changed(sign_in: SignIn) -> None:
    trigger = single(trigger_name="Report ")
    save(sign_in(), trigger, trigger_name="Report 2")
    trigger.refresh_from_db()
    assert trigger.trigger_name == "Report 2"


def test_unknown_status_in_the_database_is_not_changed(sign_in: SignIn) -> None:
    trigger = single(process_status="WEIRD")
    save(sign_in(), trigger, priority="7")
    trigger.refresh_from_db()
    assert (trigger.process_status, trigger.priority) == ("WEIRD", 7)


@pytest.mark.parametrize("time", ["2030-01-01T07:00:00+02:00", "0001-01-01T00:00:00", "x", ""])
def test_invalid_next_run_is_refused(sign_in: SignIn, time: str) -> None:
    assert "next_run" in errors(save(sign_in(), single(), next_run=time))


def test_unchanged_fields_are_not_validated(sign_in: SignIn) -> None:
    trigger = scheduled(cron_expr="nonsense")
    save(sign_in(), trigger, priority="7")
    trigger.refresh_from_db()
    assert (trigger.cron_expr, trigger.priority) == ("nonsense", 7)


# Cron expressions in words and as times.


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock on the day before summer time ends in Denmark."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 10, 24, 12, 0, 30))


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("cron", "next_run", "times"),
    [
        (
            "30 2 * * *",
            datetime(2026, 10, 25, 2, 30),
            [f"2026-10-{day} 02:30" for day in range(25, 30)],
        ),
        (
            "*/5 * * * *",
            datetime(2026, 10, 24, 12),
            [f"2026-10-24 12:{m:02}" for m in range(5, 30, 5)],
        ),
        ("0 7 * * *", datetime(2027, 1, 1, 7), [f"2027-01-0{day} 07:00" for day in range(1, 6)]),
        ("0 0 29 2 *", datetime(2028, 2, 29), [f"{y}-02-29 00:00" for y in range(2028, 2048, 4)]),
        ("0 0 31 12 *", datetime(9998, 12, 31), ["9998-12-31 00:00", "9999-12-31 00:00"]),
        ("0 0 1 1 *", datetime(9999, 12, 31, 23, 59), []),
        ("nonsense", datetime(2027, 1, 1), []),
    ],
)
def test_next_times_of_the_expression_are_shown(
    sign_in: SignIn, cron: str, next_run: datetime, times: list[str]
) -> None:
    trigger = scheduled(cron_expr=cron)
    type(trigger).objects.update(next_run=next_run)
    page = sign_in("Viewers").get(change_url(trigger))
    [row] = re.findall(
        r'field-next_times">.*?<div class="readonly">(.*?)</div>', page.content.decode(), re.DOTALL
    )
    assert re.sub(r"<[^>]+>", "", row) == (", ".join(times) or "–")


@pytest.mark.parametrize("cron", ["61 * * * *", "15 3 * * *"])
def test_refused_form_describes_the_stored_expression(sign_in: SignIn, cron: str) -> None:
    page = save(sign_in(), scheduled(), cron_expr=cron, priority="x").content.decode()
    assert "At 07:30, Monday through Friday" in page
    assert "At 03:15" not in page
    assert f'value="{cron}"' in page
