"""Queue items as a file for a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from queues.models import QueueItem

FIELDS = [field.name for field in QueueItem._meta.concrete_fields]

# What makes a spreadsheet take a cell for a formula, also in its full-width forms.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> str:
    """A text that a spreadsheet shows and does not run."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def lines(batches: Iterable[list[Any]]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(FIELDS)  # the mark by which Excel knows UTF-8
    for ids in batches:
        rows = {row[0]: row for row in QueueItem.objects.filter(pk__in=ids).values_list(*FIELDS)}
        for pk in ids:
            if pk in rows:
                yield writer.writerow([cell(value) for value in rows[pk]])


def csv_response(batches: Iterable[list[Any]]) -> StreamingHttpResponse:
    """Streamed: a batch is in memory at a time."""
    name = f"queue-items-{timezone.now():%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        lines(batches),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
