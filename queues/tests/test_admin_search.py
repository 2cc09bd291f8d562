"""The search in the list of queue items."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from queueapi.database import time_limits
from queueapi.tests.helpers import SignIn, messages_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, Status, item, select_action

pytestmark = pytest.mark.django_db
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite only")


def found(client: Client, text: str, **more: str) -> list[str | None]:
    """Return the references in the list, from the top."""
    page = client.get(LIST, {"q": text, **more})
    return [row.reference for row in page.context["cl"].result_list]


@pytest.mark.parametrize(
    "write",
    [str, lambda pk: pk.hex, lambda pk: f" {{{pk}}} ", lambda pk: str(pk).upper()],
    ids=["dashes", "hex", "braces", "upper case"],
)
def test_it_finds_a_whole_id(sign_in: SignIn, write: Callable[[Any], str]) -> None:
    row = item(reference="found")
    item(reference="other")
    assert found(sign_in(), write(row.pk)) == ["found"]


def test_it_finds_a_reference_that_looks_like_an_id(sign_in: SignIn) -> None:
    other = "5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a11"
    item(reference=other)
    assert found(sign_in(), other) == [other]


def test_the_exact_reference_comes_before_those_that_begin_so(sign_in: SignIn) -> None:
    for reference in ("INV-10", "INV-2", "INV-1", "XINV-1", None):
        item(reference=reference)
    assert found(sign_in(), "INV-1") == ["INV-1", "INV-10"]


@pytest.mark.parametrize(
    "text", ["%", "_", "*", "?", "[a]", "[", "]", "\\", "å\U0010ffff", "\U0010ffff"]
)
def test_no_character_has_a_special_meaning(sign_in: SignIn, text: str) -> None:
    item(reference=f"{text}1")
    item(reference="a1")
    assert found(sign_in(), text) == [f"{text}1"]


def test_filters_apply_too(sign_in: SignIn) -> None:
    item("a", reference="INV-1")
    item("b", reference="INV-2")
    assert found(sign_in(), "INV", queue_name="b") == ["INV-2"]


@pytest.mark.parametrize("text", ["erp", "order is", "ABC123", '"alpha  beta"', "V-7"])
def test_other_texts_are_searched_only_on_demand(sign_in: SignIn, text: str) -> None:
    item(reference="INV-7", created_by="ERP", message="No order is alpha  beta", data="ABC123")
    item(reference="other")
    client = sign_in()
    assert found(client, text) == []
    assert "Search in data and messages too" in client.get(LIST, {"q": text}).content.decode()
    assert found(client, text, **{"in": "texts"}) == ["INV-7"]


def test_search_in_texts_finds_a_part_of_an_id(sign_in: SignIn) -> None:
    row = item(reference="found")
    assert found(sign_in(), str(row.pk)[4:20], **{"in": "texts"}) == ["found"]


def test_search_ignores_words_after_the_twentieth(sign_in: SignIn) -> None:
    item(reference="a", message="w " * 30)
    assert found(sign_in(), "w " * 2000, **{"in": "texts"}) == ["a"]


@on_sqlite
def test_short_search_reads_an_index(sign_in: SignIn) -> None:
    """Searches for nothing of the kind that `LIKE` would read all rows for."""
    client = sign_in()
    with time_out_on("LIKE"):
        assert found(client, "INV") == []


@contextmanager
def time_out_on(word: str) -> Iterator[None]:
    """Make SQL statements with this word fail as after `DATABASE_QUERY_TIMEOUT`."""

    def fail(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if word in sql:
            raise OperationalError("Query timeout expired")
        return execute(sql, *args)

    with connection.execute_wrapper(fail):
        yield


def test_search_that_takes_too_long_is_a_sentence(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    item()
    client = sign_in()
    with time_out_on("LIKE"):
        page = client.get(LIST, {"q": "x", "in": "texts"})
    assert page.status_code == 200
    assert page.context["cl"].result_list == []
    assert "took too long" in page.content.decode()
    assert "Query timeout expired" in caplog.text


@on_sqlite
@pytest.mark.parametrize("order", ["", "created_date", "-queue_name"])
def test_search_that_the_database_refuses_is_a_sentence(sign_in: SignIn, order: str) -> None:
    item(reference="a")
    page = sign_in().get(LIST, {"q": "*" * 60_000, "o": order})
    assert page.status_code == 200
    assert page.context["cl"].error


def test_no_action_runs_on_a_search_that_took_too_long(sign_in: SignIn) -> None:
    row, client = item(status=Status.FAILED, reference="x"), sign_in()
    with time_out_on("LIKE"):
        response = select_action(client, "requeue", row, query="?q=x&in=texts", select_across="1")
    assert "None of the selected rows" in messages_in(client.get(response["Location"]))[0]


@pytest.fixture
def no_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each query on SQLite take too long."""
    monkeypatch.setattr(time_limits, "INSTRUCTIONS", 1)
    settings.DATABASE_QUERY_TIMEOUT = timedelta(0)


@on_sqlite
@pytest.mark.usefixtures("no_time")
def test_sqlite_stops_a_search_after_the_time_limit(sign_in: SignIn) -> None:
    item()
    page = sign_in().get(LIST, {"q": "y", "in": "texts"})
    assert "took too long" in page.content.decode()


@on_sqlite
@pytest.mark.usefixtures("no_time")
def test_time_limit_ends_with_its_block() -> None:
    with pytest.raises(OperationalError, match="interrupted"), time_limits.time_limit():
        QueueItem.objects.count()
    assert QueueItem.objects.count() == 0
