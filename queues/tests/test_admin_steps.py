"""Actions on many queue items, which run in steps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client

from queueapi.admin import action_steps, audit, selected_rows
from queueapi.admin.selected_rows import Selection
from queueapi.tests.helpers import ClientResponse, SignIn, form_in, messages_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, failed, select_action

pytestmark = pytest.mark.django_db

FILTER = "?status__exact=FAILED&o=1&p=0"


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one batch of two rows in each step."""
    monkeypatch.setattr(selected_rows, "BATCH", 2)
    monkeypatch.setattr(action_steps, "STEP", 0)


def ask(client: Client, rows: int = 5, action: str = "requeue", **fields: Any) -> ClientResponse:
    """Return the confirmation page for new failed items."""
    return select_action(
        client, action, *[failed(**fields) for _ in range(rows)], query=FILTER, index="0"
    )


def step(client: Client, page: ClientResponse, **more: str) -> ClientResponse:
    return client.post(LIST + FILTER, {**form_in(page, "selection"), **more})


def statuses() -> list[str]:
    return sorted(QueueItem.objects.values_list("status", flat=True))


def progress(page: ClientResponse) -> tuple[int, int]:
    selection = page.context["selection"]
    return selection.done, selection.total


def test_it_runs_in_steps(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    first = step(client, ask(client))
    assert progress(first) == (2, 5)
    second = step(client, first)
    assert progress(second) == (4, 5)
    last = step(client, second)
    assert last["Location"] == LIST + FILTER
    assert messages_in(client.get(LIST)) == ["Requeue: 5 rows."]
    assert statuses() == [Status.NEW] * 5
    assert LogEntry.objects.count() == 5


def test_progress_is_shown_to_eyes_and_screen_readers(sign_in: SignIn) -> None:
    client = sign_in()
    text = step(client, ask(client)).content.decode()
    assert "<title>2 of 5 | Requeue" in text
    assert 'max="5" value="2"' in text
    assert 'role="status">2 of 5 rows done, of which 2 changed.<' in text


def test_numbers_for_the_browser_have_no_separators(
    sign_in: SignIn, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    monkeypatch.setattr(selected_rows, "BATCH", 1000)
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(1001))
    page = select_action(client, "requeue", QueueItem.objects.earliest("id"), select_across="1")
    text = step(client, page).content.decode()
    assert 'max="1001" value="1000"' in text
    assert "1,000 of 1,001 rows done" in text


def test_a_small_action_takes_one_request(sign_in: SignIn) -> None:
    client = sign_in()
    assert step(client, ask(client, 2))["Location"] == LIST + FILTER
    assert statuses() == [Status.NEW] * 2


def test_rows_that_a_robot_changed_meanwhile_are_counted(sign_in: SignIn) -> None:
    client = sign_in()
    first = step(client, ask(client))
    QueueItem.objects.filter(status=Status.FAILED).update(status=Status.DONE)
    step(client, step(client, first))
    assert messages_in(client.get(LIST)) == [
        "Requeue: 2 rows. Not changed, because the status changed meanwhile or the row is gone: 3."
    ]


def test_stop_says_what_was_done_and_left(sign_in: SignIn) -> None:
    client = sign_in()
    response = step(client, step(client, ask(client)), stop="")
    assert response["Location"] == LIST + FILTER
    assert messages_in(client.get(LIST)) == ["Requeue: 2 rows. Stopped; not changed: 3."]
    assert "unfinished" not in client.get(LIST).content.decode()
    assert statuses() == [*[Status.FAILED] * 3, *[Status.NEW] * 2]


def test_a_stopped_action_does_not_go_on_in_another_tab(sign_in: SignIn) -> None:
    client = sign_in()
    first = step(client, ask(client))
    step(client, first, stop="")
    client.get(LIST)
    step(client, first)
    assert messages_in(client.get(LIST)) == ["Requeue: 2 rows. Stopped; not changed: 3."]
    assert statuses().count(Status.NEW) == 2


def test_stop_reaches_the_request_that_runs_a_step(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    monkeypatch.setattr(action_steps, "STEP", 100)
    page = ask(client)
    record = audit.record

    def record_and_stop(*args: Any) -> None:
        record(*args)
        assert step(client, page, stop="").context["is_waiting"]

    monkeypatch.setattr(audit, "record", record_and_stop)
    step(client, page)
    assert statuses().count(Status.NEW) == 2


def test_the_confirmation_page_sent_again_goes_on(sign_in: SignIn) -> None:
    client = sign_in()
    page = ask(client)
    step(client, page)
    assert progress(step(client, page)) == (4, 5)


def test_the_last_step_sent_again_does_nothing(sign_in: SignIn) -> None:
    client = sign_in()
    page = ask(client)
    for _ in range(3):
        step(client, page)
    client.get(LIST)
    QueueItem.objects.update(status=Status.FAILED)
    step(client, page)
    assert "was used before" in messages_in(client.get(LIST))[0]
    assert statuses() == [Status.FAILED] * 5


@pytest.mark.django_db(transaction=True)
def test_simultaneous_steps_change_each_row_once(sign_in: SignIn) -> None:
    client = sign_in()
    page = ask(client, 20)

    def post(_: int) -> int:
        try:
            return step(client, page).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as tabs:
        codes = set(tabs.map(post, range(60)))
    assert codes <= {200, 302}
    assert LogEntry.objects.count() == 20
    assert statuses() == [Status.NEW] * 20


def test_a_step_waits_for_another_one(sign_in: SignIn) -> None:
    client = sign_in()
    first = step(client, ask(client))
    cache.add(f"{first.context['selection'].token}.lock", True)  # of a killed process, too
    page = step(client, first)
    assert "Another request is at work" in page.content.decode()
    assert progress(page) == (2, 5)
    assert statuses().count(Status.NEW) == 2


# The list offers to go on.


def test_the_list_offers_to_go_on(sign_in: SignIn) -> None:
    client = sign_in()
    step(client, ask(client))
    page = client.get(LIST + FILTER)
    assert "Requeue: 3 of 5 rows left." in page.content.decode()
    assert progress(step(client, page)) == (4, 5)


def test_the_list_offers_to_discard(sign_in: SignIn) -> None:
    client = sign_in()
    step(client, ask(client))
    step(client, client.get(LIST + FILTER), stop="")
    page = client.get(LIST)
    assert messages_in(page) == ["Requeue: 2 rows. Stopped; not changed: 3."]
    assert "rows left" not in page.content.decode()


def test_the_list_offers_nothing_that_was_not_confirmed(sign_in: SignIn) -> None:
    client = sign_in()
    ask(client)
    assert "rows left" not in client.get(LIST).content.decode()


def test_the_list_offers_nothing_of_another_user(sign_in: SignIn) -> None:
    client = sign_in()
    first = step(client, ask(client))
    other = sign_in("Operators", "bo")
    assert "rows left" not in other.get(LIST).content.decode()
    assert step(other, first).status_code == 302
    assert statuses().count(Status.NEW) == 2


def test_a_user_without_the_role_can_not_go_on(sign_in: SignIn) -> None:
    client = sign_in("Operators")
    first = step(client, ask(client))
    User.objects.get().groups.clear()
    assert step(client, first).status_code == 403
    assert statuses().count(Status.NEW) == 2


def test_steps_need_a_csrf_token(sign_in: SignIn) -> None:
    client = sign_in()
    page = ask(client)
    client.handler.enforce_csrf_checks = True
    form = {**form_in(page, "selection"), "csrfmiddlewaretoken": "x"}
    assert client.post(LIST, form).status_code == 403


@pytest.mark.parametrize("token", ["", "\0", "x" * 1000, "é", "../1"])
def test_an_unknown_selection_is_refused(sign_in: SignIn, token: str) -> None:
    client = sign_in()
    response = client.post(LIST, {"action": "requeue", "selection": token})
    assert "Nothing was done" in messages_in(client.get(response["Location"]))[0]


def test_a_sixth_selection_replaces_the_oldest_that_has_not_begun(sign_in: SignIn) -> None:
    client = sign_in()
    pages = [ask(client, 3) for _ in range(5)]
    assert progress(step(client, pages[0])) == (2, 3)
    pages.append(ask(client, 3))
    assert step(client, pages[1]).status_code == 302
    assert "newer ones replaced it" in messages_in(client.get(LIST))[0]
    for page in (pages[0], *pages[2:]):
        step(client, step(client, page)) if page is not pages[0] else step(client, page)
    assert statuses().count(Status.NEW) == 15


def test_the_rows_of_a_replaced_selection_leave_the_cache(sign_in: SignIn) -> None:
    client = sign_in()
    first = ask(client)
    for _ in range(5):
        ask(client)
    token = form_in(first, "selection")["selection"]
    assert not cache.get_many([f"{token}.{number}" for number in range(3)])


# Failures.


def test_a_selection_that_the_database_cuts_off_leaves_nothing_in_the_cache(db: None) -> None:
    def pairs() -> Iterator[tuple[str, str]]:
        yield from ((str(number), "NEW") for number in range(2 * selected_rows.BATCH))
        raise OperationalError

    with patch.object(cache, "set", wraps=cache.set) as saved, pytest.raises(OperationalError):
        Selection.create("1", "requeue", pairs())
    assert cache.get_many([call.args[0] for call in saved.call_args_list]) == {}


def test_a_database_failure_leaves_a_way_to_go_on(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    first = step(client, ask(client))
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", raising(OperationalError("deadlock victim")))
        step(client, first)
    page = client.get(LIST + FILTER)
    assert messages_in(page) == ["Requeue: 2 rows. The database failed; not changed: 3. Try again."]
    step(client, step(client, page))
    assert messages_in(client.get(LIST)) == ["Requeue: 5 rows."]


def raising(error: Exception) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    return fail


def test_a_cache_that_fails_in_a_step_is_reported_with_what_was_done(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    page = ask(client)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "delete", raising(OSError("away")))
        step(client, page)
    assert messages_in(client.get(LIST)) == [
        "Requeue: 2 rows. The cache failed; not changed: 3. Try again."
    ]


def test_a_cache_that_is_away_before_a_step_is_reported(
    sign_in: SignIn, unreachable_cache: None
) -> None:
    client = sign_in()
    response = client.post(LIST, {"action": "requeue", "selection": "x"})
    assert "the cache" in messages_in(client.get(response["Location"]))[0]


def test_rows_that_the_cache_lost_are_reported(sign_in: SignIn) -> None:
    client = sign_in()
    first = step(client, ask(client))
    cache.delete(f"{first.context['selection'].token}.1")
    step(client, first)
    assert messages_in(client.get(LIST)) == [
        "Requeue: 2 rows. The cache lost the other rows; not changed: 3."
    ]


def test_rows_are_deleted_in_steps(sign_in: SignIn) -> None:
    client = sign_in()
    page = ask(client, 3, "delete_selected")
    step(client, step(client, page))
    assert not QueueItem.objects.exists()
    assert LogEntry.objects.count() == 3
