"""The page of a queue item in the admin."""

import threading

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from queueapi.tests.helpers import SignIn, form_in, said
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, failed, item, page_of, robot_sets

pytestmark = pytest.mark.django_db


def save(client: Client, row: QueueItem, form=None, **changes: str):
    """What the person sees as the form, with these changes, sent."""
    form = form or form_in(client.get(page_of(row)), "initial-status")
    return client.post(page_of(row), {**form, **changes})


def errors(response) -> dict[str, list[str]]:
    return response.context["adminform"].form.errors


def test_it_works(sign_in: SignIn) -> None:
    row = failed(reference="INV-1", message="No order", data='{"b":[1,{"å":null}]}')
    page = sign_in("Viewers").get(page_of(row)).content.decode()
    for text in ("INV-1", "No order", "Failed", str(row.pk), "1\xa0minute"):
        assert text in page
    assert "&quot;b&quot;: [\n    1,\n    {\n      &quot;å&quot;: null" in page


@pytest.mark.parametrize("text", ["plain", "{broken", "[" * 2000, "NaN", ""])
def test_data_that_is_no_json_is_shown_as_it_is(sign_in: SignIn, text: str) -> None:
    assert sign_in().get(page_of(item(data=text))).status_code == 200


def test_a_page_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), failed()
    # Session, user, the row, its entries in the log.
    with django_assert_num_queries(4):
        client.get(page_of(row))


def test_viewers_can_change_nothing(sign_in: SignIn) -> None:
    client, row = sign_in("Viewers"), item()
    assert "initial-status" not in client.get(page_of(row)).content.decode()
    assert client.post(page_of(row), {"status": "DONE"}).status_code == 403


def test_operators_can_edit(sign_in: SignIn) -> None:
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


def test_saving_without_a_change_writes_nothing(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, row = sign_in(), failed(message=" two\r\nlines ", data="a\nb\n", reference="")
    before = QueueItem.objects.values().get()
    assert save(client, row).status_code == 302
    assert QueueItem.objects.values().get() == before


def test_only_what_the_person_changed_is_saved(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old")
    form = form_in(client.get(page_of(row)), "initial-status")
    start = timezone.now()
    robot_sets(row, status=Status.IN_PROGRESS, start_date=start, data="of the robot")
    save(client, row, form, message="new")
    row.refresh_from_db()
    assert (row.message, row.status, row.data) == ("new", Status.IN_PROGRESS, "of the robot")
    assert row.start_date == start


def test_what_was_changed_meanwhile_is_not_overwritten(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", reference="R-1")
    form = form_in(client.get(page_of(row)), "initial-status")
    robot_sets(row, status=Status.IN_PROGRESS)
    response = save(client, row, form, status=Status.ABANDONED, message="new")
    assert "It is now: In progress" in errors(response)["status"][0]
    row.refresh_from_db()
    assert (row.status, row.message) == (Status.IN_PROGRESS, "old")
    assert not LogEntry.objects.exists()


def test_a_text_that_differs_in_case_or_space_only_was_changed_too(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old")
    form = form_in(client.get(page_of(row)), "initial-status")
    robot_sets(row, message="OLD ")
    assert "It is now: OLD " in errors(save(client, row, form, message="new"))["message"][0]


def test_whoever_saves_again_has_seen_the_present_value(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", data="old")
    form = form_in(client.get(page_of(row)), "initial-status")
    robot_sets(row, message="of the robot", data="of the robot")
    refused = save(client, row, form, message="mine")
    form = form_in(refused, "initial-status")
    assert (form["message"], form["data"]) == ("mine", "of the robot")
    assert save(client, row, form).status_code == 302
    row.refresh_from_db()
    assert (row.message, row.data) == ("mine", "of the robot")


@pytest.mark.django_db(transaction=True)
def test_a_second_connection_may_write_at_any_time(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    form = form_in(client.get(page_of(row)), "initial-status")

    def robot():
        robot_sets(row, status=Status.IN_PROGRESS)
        connection.close()

    thread = threading.Thread(target=robot)
    thread.start()
    thread.join()
    assert "status" in errors(save(client, row, form, status=Status.DONE))
    row.refresh_from_db()
    assert row.status == Status.IN_PROGRESS


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_at_once_one_wins(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    form = form_in(client.get(page_of(row)), "initial-status")

    def person(name: str):
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
    assert row.message in entry.get_change_message()


def test_a_new_status_sets_the_times_as_robots_do(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    save(client, row, status=Status.NEW)
    row.refresh_from_db()
    assert (row.start_date, row.end_date) == (None, None)
    save(client, row, status=Status.IN_PROGRESS)
    row.refresh_from_db()
    assert row.start_date is not None
    save(client, row, status=Status.DONE)
    row.refresh_from_db()
    assert row.end_date >= row.start_date


@pytest.mark.parametrize("status", ["new", "Done", "GONE", ""])
def test_a_status_is_one_of_the_five(sign_in: SignIn, status: str) -> None:
    client, row = sign_in(), item()
    assert "status" in errors(save(client, row, status=status))


@pytest.mark.parametrize(("name", "length"), [("data", 2001), ("reference", 101)])
def test_a_text_is_no_longer_than_its_column(sign_in: SignIn, name: str, length: int) -> None:
    client, row = sign_in(), item()
    assert name in errors(save(client, row, **{name: "x" * length}))


def test_an_emptied_text_is_null(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="m", data="d", reference="r")
    save(client, row, message="", data="", reference="")
    row.refresh_from_db()
    assert (row.message, row.data, row.reference) == (None, None, None)


def test_lines_end_as_they_did(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="a\nb")
    save(client, row, message="a\r\nb\r\nc")  # as browsers send lines
    row.refresh_from_db()
    assert row.message == "a\nb\nc"


def test_a_message_too_long_for_a_form_is_left_alone(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="x" * 60_000)
    save(client, row, reference="R-1")
    row.refresh_from_db()
    assert (row.reference, len(row.message)) == ("R-1", 60_000)


def test_the_log_says_what_changed_from_what_to_what(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message='say "old"', reference="R-1")
    save(client, row, message="new\nline", reference="")
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == (
        'reference: "R-1" → (empty); message: "say \\"old\\"" → "new\\nline"'
    )


def test_the_page_shows_its_history(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    save(client, row, message="By hand")
    page = client.get(page_of(row)).content.decode()
    assert "message: (empty) → &quot;By hand&quot;" in page
    assert "anna" in page


def test_an_unknown_item_leads_back(sign_in: SignIn) -> None:
    row = item()
    row.delete()
    assert sign_in().get(page_of(row)).status_code == 302


def test_saving_without_a_change_is_not_logged(sign_in: SignIn) -> None:
    save(sign_in(), item())
    assert not LogEntry.objects.exists()


def test_a_status_of_somebody_elses_making_is_left_alone(sign_in: SignIn) -> None:
    client, row = sign_in(), item(status="WEIRD")
    save(client, row, message="new")
    row.refresh_from_db()
    assert (row.status, row.message) == ("WEIRD", "new")


@pytest.mark.parametrize("data", ['{"a": "\\ud800"}', '["\\udfff"]'])
def test_data_with_half_a_character_can_be_looked_at(sign_in: SignIn, data: str) -> None:
    page = sign_in().get(page_of(item(data=data)))
    assert "\\ud" in page.content.decode()


def test_viewers_see_the_data_as_it_is_too(sign_in: SignIn) -> None:
    row = item(data='{"price": 1.10}')
    page = sign_in("Viewers").get(page_of(row)).content.decode()
    assert "{&quot;price&quot;: 1.10}" in page


def test_a_write_between_the_check_and_the_save_is_not_overwritten(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, row = sign_in(), item(message="old")
    fields_to_save = OptimisticLockingAdmin.fields_to_save

    def a_robot_comes_between(*args):
        robot_sets(row, message="of the robot")
        return fields_to_save(*args)

    monkeypatch.setattr(OptimisticLockingAdmin, "fields_to_save", a_robot_comes_between)
    answer = save(client, row, message="mine")
    assert "at this very moment" in said(client.get(answer.url))[0]
    row.refresh_from_db()
    # Its write was in our transaction here, and went with it.
    assert row.message != "mine"
    assert not LogEntry.objects.exists()


def test_its_delete_button_asks_about_what_it_shows(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    question = client.get(f"{page_of(row)[:-7]}delete/")
    robot_sets(row, status=Status.IN_PROGRESS)
    client.post(LIST, form_in(question, "selection"))
    assert QueueItem.objects.filter(pk=row.pk).exists()


def test_a_program_may_delete_in_djangos_way(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    client.post(f"{page_of(row)[:-7]}delete/", {"post": "yes"})
    assert not QueueItem.objects.exists()
    assert LogEntry.objects.get().change_message == "status: FAILED"


def test_a_program_may_send_just_what_it_changes(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old", data="kept")
    client.post(page_of(row), {"message": "new"})
    row.refresh_from_db()
    assert (row.message, row.data, row.status) == ("new", "kept", Status.NEW)


@pytest.mark.parametrize("verb", ["change", "delete", "history"])
def test_what_is_no_id_leads_back(sign_in: SignIn, verb: str) -> None:
    assert sign_in().get(f"/admin/queues/queueitem/zzz/{verb}/").status_code == 302


@pytest.mark.parametrize("verb", ["add", "change"])
def test_the_log_holds_the_name_of_any_item(sign_in: SignIn, verb: str) -> None:
    # Its column has room for 200 UTF-16 units on SQL Server.
    client, row = sign_in(), item(queue_name="🤖" * 100, reference="🤖" * 100)
    if verb == "change":
        save(client, row, reference="🦾" * 100)
    else:
        form = form_in(client.get(LIST + "add/"), "queue_name")
        client.post(LIST + "add/", {**form, "queue_name": "🤖" * 100, "reference": "🦾" * 100})
    [entry] = LogEntry.objects.all()
    assert len(entry.object_repr.encode("utf-16-le")) == 400
