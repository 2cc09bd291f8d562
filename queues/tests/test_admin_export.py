"""Export of queue items as CSV."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import ClientResponse, SignIn
from queues.export import cell
from queues.models import QueueItem
from queues.tests.helpers import failed, item, select_action

pytestmark = pytest.mark.django_db


def confirm(client: Client, page: ClientResponse, **more: Any) -> ClientResponse:
    fields: dict[str, list[str]] = {}  # of which `_selected_action` comes once for each row
    for name, value in page.context["fields"]:
        fields.setdefault(name, []).append(value)
    return client.post(page.context["list_url"], fields, **more)


def export(client: Client, *rows: QueueItem, **more: Any) -> ClientResponse:
    return confirm(client, select_action(client, "export", *rows, **more))


def rows_in(response: ClientResponse) -> list[dict[str, str]]:
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_export_works(sign_in: SignIn) -> None:
    row = failed(reference="Fjord Ø", data='{"a": "b,c"}', message="two\nlines")
    response = export(sign_in("Viewers"), row)
    assert isinstance(response, StreamingHttpResponse)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="queue-items-2')
    (exported,) = rows_in(response)
    assert exported["id"] == str(row.pk)
    assert exported["reference"] == "Fjord Ø"
    assert (exported["data"], exported["message"]) == ('{"a": "b,c"}', "two\nlines")
    assert exported["created_by"] == ""


def test_file_begins_with_a_byte_order_mark(sign_in: SignIn) -> None:
    assert export(sign_in(), item()).getvalue().startswith(b"\xef\xbb\xbfid,")


def test_confirmation_page_shows_the_number(sign_in: SignIn) -> None:
    assert "2 queue items" in select_action(sign_in(), "export", item(), item()).content.decode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_cell_is_never_a_formula(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


def test_formulas_are_escaped_in_every_column(sign_in: SignIn) -> None:
    row = item("=1", reference="+1", data="@1", message="-1", created_by="\t1")
    (exported,) = rows_in(export(sign_in(), row))
    names = ("queue_name", "reference", "data", "message", "created_by")
    assert [exported[name] for name in names] == ["'=1", "'+1", "'@1", "'-1", "'\t1"]


def test_all_matching_rows_are_exported_in_batches(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in()
    QueueItem.objects.bulk_create(QueueItem(queue_name="q") for _ in range(1203))
    response = export(client, QueueItem.objects.earliest("id"), select_across="1")
    with django_assert_num_queries(3):  # one for each 500
        assert len(rows_in(response)) == 1203


def test_deleted_row_is_left_out(sign_in: SignIn) -> None:
    client, row, gone = sign_in(), item(reference="kept"), item()
    page = select_action(client, "export", row, gone)
    gone.delete()
    response = confirm(client, page)
    assert [each["reference"] for each in rows_in(response)] == ["kept"]


def test_export_is_logged(sign_in: SignIn) -> None:
    export(sign_in("Viewers"), item(), item())
    entry = LogEntry.objects.get()
    assert entry.object_repr == "2 queue items"
    assert entry.change_message == "Exported as CSV; nothing changed."


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("x\n=cmd|' /C calc'!A0\ny", "x\n'=cmd|' /C calc'!A0\ny"),
        ("x\r\n@1", "x\r\n'@1"),
        ("x;=1;+1,-1\t@1", "x;'=1;'+1,'-1\t'@1"),
        ('x";"=1+1', 'x";"\'=1+1'),
        ("[1,-2]", "[1,'-2]"),
    ],
)
def test_formula_after_a_separator_or_line_end_is_escaped(text: str, guarded: str) -> None:
    assert cell(text) == guarded


@settings(deadline=None)
@given(
    st.lists(st.lists(st.text("x=-\uff1d;,\t\r\n\"'"), min_size=2, max_size=2), max_size=2),
    st.sampled_from(",;"),
    st.sampled_from(",;\t"),
)
def test_no_cell_is_a_formula_for_any_separator(
    rows: list[list[str]], written: str, read: str
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=written).writerows(["id", *map(cell, row)] for row in rows)
    file.seek(0)
    for text in (text for row in csv.reader(file, delimiter=read) for text in row):
        assert not text.lstrip("\t\r\n").startswith(("=", "-", "\uff1d"))


def test_other_texts_stay_unchanged() -> None:
    text = '[1, -2, {"a":-3}] a=b; c-d\r\n\r\nx'
    assert cell(text) == text


def test_danish_export_has_the_separator_of_danish_spreadsheets(sign_in: SignIn) -> None:
    client, row = sign_in(), item(reference="a;b")
    page = select_action(client, "export", row)
    response = confirm(client, page, headers={"Accept-Language": "da"})
    text = response.getvalue().decode("utf-8-sig")
    (exported,) = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    assert exported["reference"] == "a;b"


def test_rows_are_in_the_order_of_the_list(sign_in: SignIn) -> None:
    client = sign_in()
    now = timezone.now()
    names = ["b", "c", "a"]
    rows = [item(name, created_date=now + timedelta(hours=n)) for n, name in enumerate(names)]
    by_queue = export(client, *rows, query="?o=queue_name")
    assert [row["queue_name"] for row in rows_in(by_queue)] == ["a", "b", "c"]
    newest_first = export(client, rows[0], select_across="1")
    assert [row["queue_name"] for row in rows_in(newest_first)] == ["a", "c", "b"]


def test_all_that_match_the_filters_are_exported(sign_in: SignIn) -> None:
    client, row = sign_in(), failed(reference="kept")
    item()
    response = export(client, row, query="?status__exact=FAILED", select_across="1")
    assert [each["reference"] for each in rows_in(response)] == ["kept"]


def test_export_needs_no_cache(sign_in: SignIn, unreachable_cache: None) -> None:
    assert len(rows_in(export(sign_in(), item(), item()))) == 2


def test_a_batch_is_sent_at_once(sign_in: SignIn) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name="q") for _ in range(600))
    response = export(sign_in(), QueueItem.objects.earliest("id"), select_across="1")
    assert isinstance(response, StreamingHttpResponse)
    assert [chunk.count(b"\r\n") for chunk in response.streaming_content] == [501, 100]


def test_rows_that_are_gone_leave_the_header(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    page = select_action(client, "export", row)
    row.delete()
    assert confirm(client, page).getvalue().decode("utf-8-sig").startswith("id,queue_name,")
