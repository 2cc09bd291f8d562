"""The page of a queue item in the admin."""

import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.forms import ModelForm
from django.forms.utils import ErrorDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from queueapi.tests.helpers import ClientResponse, SignIn, form_in, messages_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, change_url, failed, item, robot_sets

pytestmark = pytest.mark.django_db


def save(
    client: Client, row: QueueItem, form: dict[str, str] | None = None, /, **changes: str
) -> ClientResponse:
    """Post the form of the page with these changes."""
    form = form or form_in(client.get(change_url(row)), "initial-status")
    return client.post(change_url(row), {**form, **changes})


def errors(response: ClientResponse) -> ErrorDict:
    form: ModelForm = response.context["adminform"].form
    return form.errors


def test_page_shows_the_item(sign_in: SignIn) -> None:
    row = failed(reference="INV-1", message="No order", data='{"b":[1,{"å":null}]}')
    page = sign_in("Viewers").get(change_url(row)).content.decode()
    for text in ("INV-1", "No order", "Failed", str(row.pk), "1\xa0minute"):
        assert text in page
    assert "&quot;b&quot;: [\n    1,\n    {\n      &quot;å&quot;: null" in page


@pytest.mark.parametrize("text", ["plain", "{broken", "[" * 2000, "NaN", ""])
def test_data_that_is_not_json_is_shown_unchanged(sign_in: SignIn, text: str) -> None:
    assert sign_in().get(change_url(item(data=text))).status_code == 200


def test_page_takes_four_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), failed()
    client.get(change_url(row))  # then the content type is cached
    # Session, user, the row, its entries in the log.
    with django_assert_num_queries(4):
        client.get(change_url(row))


def test_viewers_cannot_change_items(sign_in: SignIn) -> None:
    client, row = sign_in("Viewers"), item()
    assert "initial-status" not in client.get(change_url(row)).content.decode()
    assert client.post(change_url(row), {"status": "DONE"}).status_code == 403


def test_operators_can_change_items(sign_in: SignIn) -> None:
    client, row = sign_in("Operators"), item()
    response = save(client, row, message="By hand", reference="R-1", data="x", status="DONE")
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.message, row.reference, row.data) == ("By hand", "R-1", "x")
    assert row.status == Status.DONE


@pytest.mark.parametrize("name", ["queue_name", "created_by", "created_date", "end_date", "id"])
def test_other_fields_are_not_editable(sign_in: SignIn, name: str) -> None:
    client, row = sign_in(), item()
    before = QueueItem.objects.values().get()
    save(client, row, **{name: "2020-01-01"})
    assert QueueItem.objects.values().get() == before


def test_save_without_a_change_writes_nothing(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), failed(message=" two\r\nlines ", data="a\nb\n", reference="")
    before = QueueItem.objects.values().get()
    assert save(client, row).status_code == 302
    assert QueueItem.objects.values().get() == before


def test_only_changed_fields_are_saved(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old")
    form = form_in(client.get(change_url(row)), "initial-status")
    start = timezone.now()
    robot_sets(row, status=Status.IN_PROGRESS, start_date=start, data="of the robot")
    save(client, row, form, message="new")
    row.refresh_from_db()
    assert (row.message, row.status, row.data) == ("new", Status.IN_PROGRESS, "of the robot")
    assert row.start_date == start


def test_field_that_a_robot_changed_is_not_overwritten(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", reference="R-1")
    form = form_in(client.get(change_url(row)), "initial-status")
    robot_sets(row, status=Status.IN_PROGRESS)
    response = save(client, row, form, status=Status.ABANDONED, message="new")
    assert "It is now: In progress" in errors(response)["status"][0]
    row.refresh_from_db()
    assert (row.status, row.message) == (Status.IN_PROGRESS, "old")
    assert not LogEntry.objects.exists()


def test_change_of_case_or_space_is_a_conflict(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old")
    form = form_in(client.get(change_url(row)), "initial-status")
    robot_sets(row, message="OLD ")
    assert "It is now: OLD " in errors(save(client, row, form, message="new"))["message"][0]


def test_second_save_overwrites_the_value_shown_after_a_conflict(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", data="old")
    form = form_in(client.get(change_url(row)), "initial-status")
    robot_sets(row, message="of the robot", data="of the robot")
    refused = save(client, row, form, message="mine")
    form = form_in(refused, "initial-status")
    assert (form["message"], form["data"]) == ("mine", "of the robot")
    assert save(client, row, form).status_code == 302
    row.refresh_from_db()
    assert (row.message, row.data) == ("mine", "of the robot")


@pytest.mark.django_db(transaction=True)
def test_write_on_another_connection_is_a_conflict(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    form = form_in(client.get(change_url(row)), "initial-status")

    def robot() -> None:
        robot_sets(row, status=Status.IN_PROGRESS)
        connection.close()

    thread = threading.Thread(target=robot)
    thread.start()
    thread.join()
    assert "status" in errors(save(client, row, form, status=Status.DONE))
    row.refresh_from_db()
    assert row.status == Status.IN_PROGRESS


@pytest.mark.django_db(transaction=True)
def test_one_of_many_simultaneous_saves_wins(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    form = form_in(client.get(change_url(row)), "initial-status")

    def person(name: str) -> None:
        mine = Client()
        mine.cookies = client.cookies
        save(mine, row, form, message=name)
        connection.close()

    threads = [threading.Thread(target=person, args=[f"of {n}"]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row.refresh_from_db()
    [entry] = LogEntry.objects.all()
    assert str(row.message) in entry.get_change_message()


def test_new_status_sets_the_times_as_robots_do(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    save(client, row, status=Status.NEW)
    row.refresh_from_db()
    assert (row.start_date, row.end_date) == (None, None)
    save(client, row, status=Status.IN_PROGRESS)
    row.refresh_from_db()
    assert row.start_date is not None
    save(client, row, status=Status.DONE)
    row.refresh_from_db()
    assert row.start_date is not None
    assert row.end_date is not None
    assert row.end_date >= row.start_date


@pytest.mark.parametrize("status", ["new", "Done", "GONE", ""])
def test_unknown_status_is_refused(sign_in: SignIn, status: str) -> None:
    client, row = sign_in(), item()
    assert "status" in errors(save(client, row, status=status))


@pytest.mark.parametrize(("name", "length"), [("data", 2001), ("reference", 101)])
def test_text_longer_than_its_column_is_refused(sign_in: SignIn, name: str, length: int) -> None:
    client, row = sign_in(), item()
    assert name in errors(save(client, row, **{name: "x" * length}))


def test_empty_text_is_saved_as_null(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="m", data="d", reference="r")
    save(client, row, message="", data="", reference="")
    row.refresh_from_db()
    assert (row.message, row.data, row.reference) == (None, None, None)


def test_line_ends_are_saved_as_lf(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="a\nb")
    save(client, row, message="a\r\nb\r\nc")  # as browsers send lines
    row.refresh_from_db()
    assert row.message == "a\nb\nc"


def test_message_too_long_for_a_form_is_not_changed(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="x" * 60_000)
    save(client, row, reference="R-1")
    row.refresh_from_db()
    assert (row.reference, row.message) == ("R-1", "x" * 60_000)


def test_log_entry_has_old_and_new_values(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message='say "old"', reference="R-1")
    save(client, row, message="new\nline", reference="")
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == (
        'reference: "R-1" → (empty); message: "say \\"old\\"" → "new\\nline"'
    )


def test_page_shows_the_history(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    save(client, row, message="By hand")
    page = client.get(change_url(row)).content.decode()
    assert "message: (empty) → &quot;By hand&quot;" in page
    assert "anna" in page


def test_deleted_item_redirects(sign_in: SignIn) -> None:
    row = item()
    row.delete()
    assert sign_in().get(change_url(row)).status_code == 302


def test_save_without_a_change_is_not_logged(sign_in: SignIn) -> None:
    save(sign_in(), item())
    assert not LogEntry.objects.exists()


def test_unknown_status_in_the_database_is_not_changed(sign_in: SignIn) -> None:
    client, row = sign_in(), item(status="WEIRD")
    save(client, row, message="new")
    row.refresh_from_db()
    assert (row.status, row.message) == ("WEIRD", "new")


@pytest.mark.parametrize("data", ['{"a": "\\ud800"}', '["\\udfff"]'])
def test_data_with_a_lone_surrogate_is_shown(sign_in: SignIn, data: str) -> None:
    page = sign_in().get(change_url(item(data=data)))
    assert "\\ud" in page.content.decode()


def test_viewers_see_the_stored_data(sign_in: SignIn) -> None:
    row = item(data='{"price": 1.10}')
    page = sign_in("Viewers").get(change_url(row)).content.decode()
    assert "{&quot;price&quot;: 1.10}" in page


def test_write_between_check_and_save_is_not_overwritten(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, row = sign_in(), item(message="old")
    fields_to_save = OptimisticLockingAdmin.fields_to_save

    def robot_writes_first(*args: Any) -> list[str]:
        robot_sets(row, message="of the robot")
        return fields_to_save(*args)

    monkeypatch.setattr(OptimisticLockingAdmin, "fields_to_save", robot_writes_first)
    response = save(client, row, message="mine")
    assert "at this very moment" in messages_in(client.get(response["Location"]))[0]
    row.refresh_from_db()
    # The write of the robot was rolled back, because the test runs it in the same transaction.
    assert row.message != "mine"
    assert not LogEntry.objects.exists()


def test_delete_page_deletes_only_the_shown_status(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    page = client.get(f"{change_url(row)[:-7]}delete/")
    robot_sets(row, status=Status.IN_PROGRESS)
    client.post(LIST, form_in(page, "selection"))
    assert QueueItem.objects.filter(pk=row.pk).exists()


def test_program_can_delete_with_djangos_form(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    client.post(f"{change_url(row)[:-7]}delete/", {"post": "yes"})
    assert not QueueItem.objects.exists()
    assert LogEntry.objects.get().get_change_message() == "status: FAILED → (empty)"


def test_program_can_send_only_changed_fields(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", data="kept")
    client.post(change_url(row), {"message": "new"})
    row.refresh_from_db()
    assert (row.message, row.data, row.status) == ("new", "kept", Status.NEW)


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_invalid_id_redirects(sign_in: SignIn, page: str) -> None:
    assert sign_in().get(f"/admin/queues/queueitem/zzz/{page}/").status_code == 302


@pytest.mark.parametrize("page", ["add", "change"])
def test_log_entry_holds_the_longest_name(sign_in: SignIn, page: str) -> None:
    # The column has room for 200 UTF-16 units on SQL Server.
    client, row = sign_in(), item(queue_name="🤖" * 100, reference="🤖" * 100)
    if page == "change":
        save(client, row, reference="🦾" * 100)
    else:
        form = form_in(client.get(LIST + "add/"), "queue_name")
        client.post(LIST + "add/", {**form, "queue_name": "🤖" * 100, "reference": "🦾" * 100})
    [entry] = LogEntry.objects.all()
    assert len(entry.object_repr.encode("utf-16-le")) == 400


def test_browsers_do_not_truncate_pasted_texts(sign_in: SignIn) -> None:
    assert "maxlength" not in sign_in().get(change_url(item())).content.decode().split("<form")[-1]


# Data that is no JSON.


@pytest.mark.parametrize(
    ("before", "after"), [('{"a": 1}', '{"a": 1'), ('{"a": 1}', "a: 1"), ("5", "x"), ("x", "[1")]
)
def test_data_that_stops_being_json_needs_a_second_save(
    sign_in: SignIn, before: str, after: str
) -> None:
    client, row = sign_in(), item(data=before)
    page = save(client, row, data=after)
    assert "not valid JSON" in errors(page)["data"][0]
    row.refresh_from_db()
    assert row.data == before
    assert save(client, row, form_in(page, "initial-status")).status_code == 302
    row.refresh_from_db()
    assert row.data == after


@pytest.mark.parametrize(("before", "after"), [("{a", "b"), ('{"a": 1}', ""), ("x", "[1]")])
def test_other_changes_of_data_are_saved_at_once(sign_in: SignIn, before: str, after: str) -> None:
    assert save(sign_in(), item(data=before), data=after).status_code == 302


def test_unchanged_data_is_not_warned_of(sign_in: SignIn) -> None:
    assert save(sign_in(), item(data="{broken"), message="new").status_code == 302


def test_confirmed_warning_does_not_hide_a_conflict(sign_in: SignIn) -> None:
    client, row = sign_in(), item(data="{}")
    page = save(client, row, data="{broken")
    robot_sets(row, data="of the robot")
    page = save(client, row, form_in(page, "initial-status"))
    assert "It is now: of the robot" in errors(page)["data"][0]


def test_refused_page_shows_the_stored_item(sign_in: SignIn) -> None:
    client, row = sign_in(), item(data='{"stored": 1}', reference="R-1")
    page = save(client, row, status="GONE", reference="R-2", data='{"typed": 1}')
    assert page.context["original"].reference == "R-1"
    assert 'data-copy="{&quot;stored&quot;: 1}"' in page.content.decode()
