"""Queue items as a file for a spreadsheet."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language

from queues.models import QueueItem

FIELDS = [field.name for field in QueueItem._meta.concrete_fields]

# Where a spreadsheet takes a text for a formula (full-width signs included): at its start and, if
# the spreadsheet splits at another separator, after each of these and any quotation marks.
FORMULA = re.compile('(^|[\t\r\n;,])"*(?=[=+@\uff1d\uff0b\uff0d\uff20-])|^(?=[\t\r\n])')


class Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> str:
    """A text that a spreadsheet shows and does not run."""
    return FORMULA.sub(r"\g<0>'", "" if value is None else str(value))


def lines(batches: Iterable[list[Any]], delimiter: str) -> Iterator[str]:
    writer = csv.writer(Echo(), delimiter=delimiter)
    yield "\ufeff" + writer.writerow(FIELDS)  # the mark by which Excel knows UTF-8
    for ids in batches:
        rows = {row[0]: row for row in QueueItem.objects.filter(pk__in=ids).values_list(*FIELDS)}
        for pk in ids:
            if pk in rows:
                yield writer.writerow([cell(value) for value in rows[pk]])


def csv_response(batches: Iterable[list[Any]]) -> StreamingHttpResponse:
    """Streamed: a batch is in memory at a time."""
    name = f"queue-items-{timezone.now():%Y-%m-%d-%H%M}.csv"
    # What Excel expects in the language of whoever opens it.
    delimiter = ";" if get_language() == "da" else ","
    return StreamingHttpResponse(
        lines(batches, delimiter),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
