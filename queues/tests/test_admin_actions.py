"""Actions on queue items: a question first, then what it said."""

import json
import threading

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.admin.selected_rows import SelectedRows
from queueapi.tests.helpers import SignIn, form_in, said
from queues.models import QueueItem
from queues.tests.helpers import (
    LIST,
    Status,
    ask,
    confirm,
    failed,
    item,
    page_of,
    robot_sets,
)

pytestmark = pytest.mark.django_db


def status(row: QueueItem) -> str:
    row.refresh_from_db()
    return row.status


def test_requeue_works(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    answer = confirm(client, ask(client, "requeue", row))
    assert said(answer) == ["Requeue: 1 row."]
    row.refresh_from_db()
    assert (row.status, row.start_date, row.end_date) == (Status.NEW, None, None)


def test_abandon_works(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), item()
    confirm(client, ask(client, "abandon", row))
    assert status(row) == Status.ABANDONED
    assert (timezone.now() - row.end_date).total_seconds() < 60


def test_delete_works_for_who_may(sign_in: SignIn) -> None:
    client, row, other = sign_in(), item(reference="INV-1"), item()
    confirm(client, ask(client, "delete_selected", row))
    assert list(QueueItem.objects.all()) == [other]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_repr) == (DELETION, "Invoices INV-1")
    assert entry.change_message == "status: NEW"


def test_the_question_says_how_many_and_which(sign_in: SignIn) -> None:
    rows = [failed(reference=f"INV-{n}") for n in range(2)] + [item(status=Status.DONE)]
    page = ask(sign_in("Operators"), "requeue", *rows)
    text = page.content.decode()
    assert page.status_code == 200
    for expected in ("3 queue items", "2 Failed", "1 Done", "INV-0", "INV-1", str(rows[2].pk)):
        assert expected in text
    assert {status(row) for row in rows} == {Status.FAILED, Status.DONE}


def test_the_question_names_twenty_at_most(sign_in: SignIn) -> None:
    rows = [failed(reference=f"INV-{n:02}") for n in range(25)]
    text = ask(sign_in("Operators"), "requeue", *rows).content.decode()
    assert text.count("Invoices INV-") == 20
    assert "and 5 more" in text


def test_it_warns_of_what_a_robot_may_be_at_work_on(sign_in: SignIn) -> None:
    row = item(status=Status.IN_PROGRESS)
    text = ask(sign_in("Operators"), "requeue", row).content.decode()
    assert "A robot may still be at work" in text


def test_rows_that_are_like_that_already_are_left_out(sign_in: SignIn) -> None:
    client, old, new = sign_in("Operators"), failed(), item()
    question = ask(client, "requeue", old, new)
    assert question.context["total"] == 1


def test_nothing_to_do_says_so(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    question = ask(client, "requeue", item())
    assert "not for rows like those" in said(client.get(question.url))[0]


@pytest.mark.parametrize("role", ["Viewers"])
@pytest.mark.parametrize("action", ["requeue", "abandon", "delete_selected"])
def test_viewers_may_not(sign_in: SignIn, role: str, action: str) -> None:
    row = failed()
    ask(sign_in(role), action, row)
    assert status(row) == Status.FAILED


@pytest.mark.parametrize("role", ["Operators", "Security admins"])
def test_no_role_may_delete(sign_in: SignIn, role: str) -> None:
    client, row = sign_in(role), failed()
    ask(client, "delete_selected", row)
    client.post(f"{page_of(row)[:-7]}delete/", {"post": "yes"})
    assert QueueItem.objects.filter(pk=row.pk).exists()


# Nobody overwrites anybody.


def test_a_row_that_a_robot_took_meanwhile_is_left_alone(sign_in: SignIn) -> None:
    client, taken, other = sign_in("Operators"), failed(), failed()
    question = ask(client, "requeue", taken, other)
    robot_sets(taken, status="IN_PROGRESS")
    answer = confirm(client, question)
    assert (status(taken), status(other)) == (Status.IN_PROGRESS, Status.NEW)
    assert said(answer) == [
        "Requeue: 1 row. 1 was left as it is: its status changed meanwhile, or it is gone."
    ]


def test_a_row_that_went_to_another_of_the_statuses_shown_is_left_alone(sign_in: SignIn) -> None:
    client, first, second = sign_in("Operators"), failed(), item(status=Status.DONE)
    question = ask(client, "requeue", first, second)
    robot_sets(first, status="DONE")
    confirm(client, question)
    assert (status(first), status(second)) == (Status.DONE, Status.NEW)


def test_a_row_that_is_gone_is_counted_as_left(sign_in: SignIn) -> None:
    client, row, other = sign_in("Operators"), failed(), failed()
    question = ask(client, "requeue", row, other)
    row.delete()
    assert "1 was left as it is" in said(confirm(client, question))[0]


def test_a_question_is_answered_once(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    question = ask(client, "requeue", row)
    confirm(client, question)
    robot_sets(row, status="FAILED")
    assert "was answered before" in said(confirm(client, question))[0]
    assert status(row) == Status.FAILED


def test_a_question_is_for_who_was_asked(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    question = ask(client, "requeue", row)
    client = sign_in("Operators", "bo")
    confirm(client, question)
    assert status(row) == Status.FAILED


def test_a_question_is_for_what_was_asked(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    answer = {**form_in(ask(client, "requeue", row), "selection"), "action": "abandon"}
    client.post(LIST, answer)
    assert status(row) == Status.FAILED


def test_a_question_that_is_too_old_does_nothing(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    question = ask(client, "requeue", row)
    cache.clear()
    assert said(confirm(client, question))[0].startswith("Nothing was done")
    assert status(row) == Status.FAILED


def test_two_clicks_claim_a_selection_once(db: None) -> None:
    item()
    name = SelectedRows.take(1, "requeue", QueueItem.objects.all(), "status").keep()
    claimed = []
    threads = [
        threading.Thread(target=lambda: claimed.append(SelectedRows.claim(name, 1, "requeue")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(selection is not None for selection in claimed) == 1


def test_the_cache_holds_a_selection_as_json(db: None) -> None:
    item(), failed()
    SelectedRows.take(1, "requeue", QueueItem.objects.all(), "status").keep()
    kept = cache.get("selection.1.requeue")
    assert json.loads(json.dumps(kept)) == kept


# All that match.


def everything(client: Client, action: str, query: str = ""):
    row = QueueItem.objects.first()
    return ask(client, action, row, query=query, select_across="1")


def test_all_that_match_are_changed(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    QueueItem.objects.bulk_create(
        QueueItem(queue_name="q", status=Status.FAILED) for _ in range(1203)
    )
    other = failed()
    question = everything(client, "requeue", "?queue_name=q")
    assert question.context["total"] == 1203
    assert "Requeue: 1203 rows." in said(confirm(client, question))[0]
    assert QueueItem.objects.filter(status=Status.NEW).count() == 1203
    assert LogEntry.objects.count() == 1203
    assert status(other) == Status.FAILED


def test_the_question_posts_no_ids(sign_in: SignIn) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(300))
    page = everything(sign_in("Operators"), "requeue")
    assert set(form_in(page, "selection")) == {
        *("csrfmiddlewaretoken", "action", "_selected_action", "selection")
    }
    assert page.content.count(b"_selected_action") == 1


def test_a_row_that_matches_only_after_the_question_is_left_alone(sign_in: SignIn) -> None:
    client, shown, late = sign_in("Operators"), failed(), item(status=Status.IN_PROGRESS)
    question = everything(client, "requeue", "?status__exact=FAILED")
    robot_sets(late, status="FAILED")
    confirm(client, question, "?status__exact=FAILED")
    assert (status(shown), status(late)) == (Status.NEW, Status.FAILED)


def test_batches_take_few_queries(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(1000))
    question = everything(client, "requeue")
    # For each of two batches a savepoint, the rows before, the UPDATE, the rows after, the log's
    # INSERTs (four on SQLite, which takes 999 parameters) and the savepoint's end; and session,
    # user, the list as Django makes it for every action, the kind of row, and session, user, rows
    # and queue names of the page that follows.
    with django_assert_max_num_queries(25):
        confirm(client, question)


def test_what_is_done_before_a_crash_is_logged_and_the_rest_untouched(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(1000))
    question = everything(client, "requeue")
    batches = iter([None, RuntimeError("crash")])
    record = audit.record

    def crash_at_the_second(*args):
        if (error := next(batches)) is not None:
            raise error
        record(*args)

    monkeypatch.setattr(audit, "record", crash_at_the_second)
    client.raise_request_exception = False
    client.post(LIST, form_in(question, "selection"))
    assert QueueItem.objects.filter(status=Status.NEW).count() == 500
    assert LogEntry.objects.count() == 500


# The log.


def test_each_row_has_its_entry_with_what_changed(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed(reference="INV-1")
    confirm(client, ask(client, "requeue", row))
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("anna", str(row.pk))
    assert entry.get_change_message().startswith("status: FAILED → NEW; started: 20")
    assert "ended: " in entry.get_change_message()


def test_the_buttons_of_an_item_ask_the_same(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    form = form_in(client.get(page_of(row)), "_selected_action")
    question = client.post(LIST, form)
    assert question.context["total"] == 1
    assert confirm(client, question).redirect_chain == [(page_of(row), 302)]
    assert status(row) == Status.NEW


def test_they_lead_nowhere_else(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    form = form_in(client.get(page_of(row)), "_selected_action")
    question = client.post(LIST, {**form, "back": "https://evil.example/"})
    assert client.post(LIST, form_in(question, "selection")).url == LIST


def test_the_list_keeps_its_filters_afterwards(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    question = ask(client, "requeue", row, query="?status__exact=FAILED")
    assert f'action="{LIST}?status__exact=FAILED"' in question.content.decode()


def test_an_action_without_rows_changes_nothing(sign_in: SignIn) -> None:
    row = failed()
    sign_in().post(LIST, {"action": "requeue", "index": "0"})
    assert status(row) == Status.FAILED


def test_actions_need_a_csrf_token(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    client.handler.enforce_csrf_checks = True
    assert ask(client, "requeue", row).status_code == 403


def test_a_new_question_takes_the_place_of_the_one_before(sign_in: SignIn) -> None:
    client, first, second = sign_in(), failed(), failed()
    old = ask(client, "requeue", first)
    new = ask(client, "requeue", second)
    confirm(client, old)
    confirm(client, new)
    assert (status(first), status(second)) == (Status.FAILED, Status.NEW)


def test_what_are_no_rows_changes_nothing(sign_in: SignIn) -> None:
    row = failed()
    client = sign_in()
    answer = client.post(LIST, {"action": "requeue", "_selected_action": "zzz", "index": "0"})
    assert "no rows of this list" in said(client.get(answer.url))[0]
    assert status(row) == Status.FAILED


def test_a_page_that_has_become_empty_is_no_obstacle(sign_in: SignIn) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(51))
    query = "?status__exact=FAILED&p=2"
    (last,) = client.get(LIST + query).context["cl"].result_list
    question = ask(client, "requeue", last, query=query)
    QueueItem.objects.exclude(pk=last.pk).update(status="DONE")
    confirm(client, question, query)
    assert status(last) == Status.NEW


def test_a_database_that_fails_midway_is_reported(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(700))
    question = everything(client, "requeue")
    record, calls = audit.record, []

    def fail_at_the_second(*args):
        calls.append(args)
        if len(calls) == 2:
            raise OperationalError("deadlock victim")
        record(*args)

    monkeypatch.setattr(audit, "record", fail_at_the_second)
    answer = confirm(client, question)
    assert said(answer) == [
        "Requeue: 500 rows. Then the database failed, and 200 were left as they are. Try again."
    ]
    assert QueueItem.objects.filter(status="NEW").count() == 500


def test_without_the_cache_nothing_is_done_and_it_is_said(
    sign_in: SignIn, cache_is_away: None
) -> None:
    client, row = sign_in(), failed()
    answer = ask(client, "requeue", row)
    assert "the cache" in said(client.get(answer.url))[0]
    assert status(row) == Status.FAILED


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="EXPLAIN QUERY PLAN is SQLite's")
def test_a_batch_finds_its_rows_by_their_ids(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), item(status=Status.DONE)
    question = ask(client, "requeue", row)
    with django_assert_max_num_queries(30) as queries:
        confirm(client, question)
    touched = [
        query["sql"]
        for query in queries.captured_queries
        if '"Queues"' in query["sql"] and " IN (" in query["sql"]
    ]
    assert len(touched) == 3  # the rows before, the UPDATE, the rows after
    for sql in touched:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            assert "(id=?)" in str(cursor.fetchall())
