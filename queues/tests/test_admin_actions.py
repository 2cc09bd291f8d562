"""Actions on queue items: the confirmation page, then batches."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.tests.helpers import ClientResponse, SignIn, form_in, messages_in
from queues.models import QueueItem
from queues.tests.helpers import (
    LIST,
    Status,
    change_url,
    confirm,
    failed,
    item,
    robot_sets,
    select_action,
)

pytestmark = pytest.mark.django_db


def status(row: QueueItem) -> str:
    row.refresh_from_db()
    return row.status


def test_requeue_works(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    response = confirm(client, select_action(client, "requeue", row))
    assert messages_in(response) == ["Requeue: 1 row."]
    row.refresh_from_db()
    assert (row.status, row.start_date, row.end_date) == (Status.NEW, None, None)


def test_abandon_works(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), item()
    confirm(client, select_action(client, "abandon", row))
    assert status(row) == Status.ABANDONED
    assert row.end_date is not None
    assert timezone.now() - row.end_date < timedelta(minutes=1)


def test_delete_works_for_superusers(sign_in: SignIn) -> None:
    client, row, other = sign_in(), item(reference="INV-1"), item()
    confirm(client, select_action(client, "delete_selected", row))
    assert list(QueueItem.objects.all()) == [other]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_repr) == (DELETION, "Invoices INV-1")
    assert entry.get_change_message() == "status: NEW → (empty)"


def test_confirmation_page_shows_number_and_rows(sign_in: SignIn) -> None:
    rows = [failed(reference=f"INV-{n}") for n in range(2)] + [item(status=Status.DONE)]
    page = select_action(sign_in("Operators"), "requeue", *rows)
    text = page.content.decode()
    assert page.status_code == 200
    for expected in ("3 queue items", "2 Failed", "1 Done", "INV-0", "INV-1", str(rows[2].pk)):
        assert expected in text
    assert {status(row) for row in rows} == {Status.FAILED, Status.DONE}


def test_confirmation_page_counts_a_status_that_looks_like_another_one(sign_in: SignIn) -> None:
    rows = [failed(), failed(), item(status="Failed")]
    page = select_action(sign_in(), "abandon", *rows).content.decode()
    assert "3 queue items" in page
    assert "2 Failed, 1 Failed." in " ".join(page.split())


def test_confirmation_page_lists_twenty_rows_at_most(sign_in: SignIn) -> None:
    rows = [failed(reference=f"INV-{n:02}") for n in range(25)]
    text = select_action(sign_in("Operators"), "requeue", *rows).content.decode()
    assert text.count("Invoices INV-") == 20
    assert "and 5 more" in text


def test_confirmation_page_warns_of_items_in_progress(sign_in: SignIn) -> None:
    row = item(status=Status.IN_PROGRESS)
    text = select_action(sign_in("Operators"), "requeue", row).content.decode()
    assert "A robot may still be at work" in text


def test_rows_with_an_excluded_status_are_left_out(sign_in: SignIn) -> None:
    client, old, new = sign_in("Operators"), failed(), item()
    page = select_action(client, "requeue", old, new)
    assert page.context["total"] == 1


def test_action_that_applies_to_no_row_shows_a_message(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    page = select_action(client, "requeue", item())
    assert (
        "None of the selected rows can be changed" in messages_in(client.get(page["Location"]))[0]
    )


@pytest.mark.parametrize("action", ["requeue", "abandon", "delete_selected"])
def test_viewers_cannot_run_actions(sign_in: SignIn, action: str) -> None:
    row = failed()
    select_action(sign_in("Viewers"), action, row)
    assert status(row) == Status.FAILED


@pytest.mark.parametrize("role", ["Operators", "Security admins"])
def test_no_role_can_delete(sign_in: SignIn, role: str) -> None:
    client, row = sign_in(role), failed()
    select_action(client, "delete_selected", row)
    client.post(f"{change_url(row)[:-7]}delete/", {"post": "yes"})
    assert QueueItem.objects.filter(pk=row.pk).exists()


# Rows that changed since the confirmation page.


def test_row_taken_by_a_robot_is_not_changed(sign_in: SignIn) -> None:
    client, taken, other = sign_in("Operators"), failed(), failed()
    page = select_action(client, "requeue", taken, other)
    robot_sets(taken, status="IN_PROGRESS")
    response = confirm(client, page)
    assert (status(taken), status(other)) == (Status.IN_PROGRESS, Status.NEW)
    assert messages_in(response) == [
        "Requeue: 1 row. Not changed, because the status changed meanwhile or the row is gone: 1."
    ]


def test_row_that_moved_to_another_shown_status_is_not_changed(sign_in: SignIn) -> None:
    client, first, second = sign_in("Operators"), failed(), item(status=Status.DONE)
    page = select_action(client, "requeue", first, second)
    robot_sets(first, status="DONE")
    confirm(client, page)
    assert (status(first), status(second)) == (Status.DONE, Status.NEW)


def test_deleted_row_is_counted_as_not_changed(sign_in: SignIn) -> None:
    client, row, other = sign_in("Operators"), failed(), failed()
    page = select_action(client, "requeue", row, other)
    row.delete()
    assert "Not changed, because" in messages_in(confirm(client, page))[0]


def test_confirmation_page_works_once(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    page = select_action(client, "requeue", row)
    confirm(client, page)
    robot_sets(row, status="FAILED")
    assert "was used before" in messages_in(confirm(client, page))[0]
    assert status(row) == Status.FAILED


def test_confirmation_page_of_another_user_is_refused(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    page = select_action(client, "requeue", row)
    client = sign_in("Operators", "bo")
    confirm(client, page)
    assert status(row) == Status.FAILED


def test_confirmation_page_of_another_action_is_refused(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    form = {**form_in(select_action(client, "requeue", row), "selection"), "action": "abandon"}
    client.post(LIST, form)
    assert status(row) == Status.FAILED


def test_expired_confirmation_page_is_refused(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    page = select_action(client, "requeue", row)
    cache.clear()
    assert messages_in(confirm(client, page))[0].startswith("Nothing was done")
    assert status(row) == Status.FAILED


# All rows that match the filters.


def select_action_on_all(client: Client, action: str, query: str = "") -> ClientResponse:
    row = QueueItem.objects.earliest("id")
    return select_action(client, action, row, query=query, select_across="1")


def test_all_matching_rows_are_changed(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    QueueItem.objects.bulk_create(
        QueueItem(queue_name="q", status=Status.FAILED) for _ in range(903)
    )
    other = failed()
    page = select_action_on_all(client, "requeue", "?queue_name=q")
    assert page.context["total"] == 903
    assert "Requeue: 903 rows." in messages_in(confirm(client, page))[0]
    assert QueueItem.objects.filter(status=Status.NEW).count() == 903
    assert LogEntry.objects.count() == 903
    assert status(other) == Status.FAILED


def test_confirmation_page_posts_a_token_instead_of_ids(sign_in: SignIn) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(300))
    page = select_action_on_all(sign_in("Operators"), "requeue")
    fields = {"csrfmiddlewaretoken", "action", "back", "selection"}
    assert set(form_in(page, "selection")) == fields


def test_row_that_matches_later_is_not_changed(sign_in: SignIn) -> None:
    client, shown, late = sign_in("Operators"), failed(), item(status=Status.IN_PROGRESS)
    page = select_action_on_all(client, "requeue", "?status__exact=FAILED")
    robot_sets(late, status="FAILED")
    confirm(client, page, "?status__exact=FAILED")
    assert (status(shown), status(late)) == (Status.NEW, Status.FAILED)


def test_two_batches_take_29_queries_at_most(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(1000))
    page = select_action_on_all(client, "requeue")
    # Each of two batches: a savepoint, the rows before, the UPDATE, the rows after, the INSERTs of
    # the log (four on SQLite, which takes 999 parameters) and the end of the savepoint. Besides:
    # session, user, the list and the content type; then session, user, the list and queue names of
    # the page after the redirect. The first list takes ids, rows and their number.
    with django_assert_max_num_queries(29):
        confirm(client, page)


def test_crash_leaves_whole_batches_changed_and_logged(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(1000))
    page = select_action_on_all(client, "requeue")
    batches = iter([None, RuntimeError("crash")])
    record = audit.record

    def crash_at_the_second(*args: Any) -> None:
        if (error := next(batches)) is not None:
            raise error
        record(*args)

    monkeypatch.setattr(audit, "record", crash_at_the_second)
    client.raise_request_exception = False
    client.post(LIST, form_in(page, "selection"))
    assert QueueItem.objects.filter(status=Status.NEW).count() == 500
    assert LogEntry.objects.count() == 500


# The log.


def test_each_row_gets_a_log_entry_with_its_changes(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed(reference="INV-1")
    confirm(client, select_action(client, "requeue", row))
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("anna", str(row.pk))
    assert entry.get_change_message().startswith("status: FAILED → NEW; started: 20")
    assert "ended: " in entry.get_change_message()


def test_button_of_the_item_page_opens_the_confirmation_page(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    form = form_in(client.get(change_url(row)), "_selected_action")
    page = client.post(LIST, form)
    assert page.context["total"] == 1
    assert confirm(client, page).redirect_chain == [(change_url(row), 302)]
    assert status(row) == Status.NEW


def test_redirect_to_another_site_is_refused(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    form = form_in(client.get(change_url(row)), "_selected_action")
    page = client.post(LIST, {**form, "back": "https://evil.example/"})
    assert client.post(LIST, form_in(page, "selection"))["Location"] == LIST


def test_confirmation_page_keeps_the_filters_of_the_list(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), failed()
    page = select_action(client, "requeue", row, query="?status__exact=FAILED")
    assert f'action="{LIST}?status__exact=FAILED"' in page.content.decode()


def test_action_without_rows_changes_nothing(sign_in: SignIn) -> None:
    row = failed()
    sign_in().post(LIST, {"action": "requeue", "index": "0"})
    assert status(row) == Status.FAILED


def test_actions_need_a_csrf_token(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    client.handler.enforce_csrf_checks = True
    assert select_action(client, "requeue", row).status_code == 403


def test_two_confirmation_pages_of_an_action_are_answered(sign_in: SignIn) -> None:
    client, first, second = sign_in(), failed(), failed()
    pages = [select_action(client, "requeue", row) for row in (first, second)]
    for page in pages:
        confirm(client, page)
    assert (status(first), status(second)) == (Status.NEW, Status.NEW)


def test_invalid_row_ids_change_nothing(sign_in: SignIn) -> None:
    row = failed()
    client = sign_in()
    response = client.post(LIST, {"action": "requeue", "_selected_action": "zzz", "index": "0"})
    assert "no rows of this list" in messages_in(client.get(response["Location"]))[0]
    assert status(row) == Status.FAILED


def test_action_runs_if_the_page_of_the_list_is_empty_by_now(sign_in: SignIn) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(51))
    query = "?status__exact=FAILED&p=2"
    (last,) = client.get(LIST + query).context["cl"].result_list
    page = select_action(client, "requeue", last, query=query)
    QueueItem.objects.exclude(pk=last.pk).update(status="DONE")
    confirm(client, page, query)
    assert status(last) == Status.NEW


def test_database_failure_between_batches_is_reported(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(700))
    page = select_action_on_all(client, "requeue")
    record, calls = audit.record, []

    def fail_at_the_second(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OperationalError("deadlock victim")
        record(*args)

    monkeypatch.setattr(audit, "record", fail_at_the_second)
    response = confirm(client, page)
    assert messages_in(response) == [
        "Requeue: 500 rows. The database failed; not changed: 200. Try again."
    ]
    assert QueueItem.objects.filter(status="NEW").count() == 500


def test_unavailable_cache_is_reported(sign_in: SignIn, unreachable_cache: None) -> None:
    client, row = sign_in(), failed()
    response = select_action(client, "requeue", row)
    assert "the cache" in messages_in(client.get(response["Location"]))[0]
    assert status(row) == Status.FAILED


def test_delete_page_without_a_cache_is_refused(sign_in: SignIn, unreachable_cache: None) -> None:
    client, row = sign_in(), item()
    response = client.get(f"{change_url(row)[:-7]}delete/")
    assert response["Location"] == LIST
    assert "the cache" in messages_in(client.get(LIST))[0]


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="EXPLAIN QUERY PLAN is SQLite's")
def test_batch_finds_rows_by_id(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), item(status=Status.DONE)
    page = select_action(client, "requeue", row)
    with django_assert_max_num_queries(30) as queries:
        confirm(client, page)
    touched = [
        query["sql"]
        for query in queries.captured_queries
        if '"Queues"' in query["sql"] and " IN (" in query["sql"]
    ]
    # The rows before, the UPDATE, the rows after; the list after the redirect.
    assert len(touched) == 4
    for sql in touched:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            assert "(id=?)" in str(cursor.fetchall())
