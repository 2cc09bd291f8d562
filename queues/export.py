"""Export of queue items as CSV for a spreadsheet."""

import csv
import re
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language

from queues.models import QueueItem

FIELDS = [field.name for field in QueueItem._meta.concrete_fields]

# The places where a spreadsheet would begin a formula (also with full-width signs): at the start of
# a cell, and after each possible separator and quotation mark, since Excel splits by its locale.
# In two expressions: a search for one of a set of characters is fast.
SIGN = "(?=[=+@\uff1d\uff0b\uff0d\uff20-])"
AT_START = re.compile(f'"*{SIGN}|(?=[\t\r\n])')
INSIDE = re.compile(f'[\t\r\n;,]"*{SIGN}')


class Echo:
    """A file whose `write` returns the text: `csv.writer` then returns lines."""

    def write(self, text: str) -> str:
        return text


def cell(text: str) -> str:
    """Return the text with an apostrophe before each possible formula."""
    text = INSIDE.sub(r"\g<0>'", text)
    start = AT_START.match(text)
    return f"{text[: start.end()]}'{text[start.end() :]}" if start else text


def lines(batches: Iterable[list[str]], delimiter: str) -> Iterator[str]:
    writer = csv.writer(Echo(), delimiter=delimiter)
    yield "\ufeff" + writer.writerow(FIELDS)  # Excel needs the byte order mark to read UTF-8
    for ids in batches:
        rows = QueueItem.objects.filter(pk__in=ids).values_list(*FIELDS)
        cells = {
            str(row[0]): [cell(it) if isinstance(it, str) else it for it in row] for row in rows
        }
        yield from (writer.writerow(cells[pk]) for pk in ids if pk in cells)


def csv_response(batches: Iterable[list[str]]) -> StreamingHttpResponse:
    """Return the items with these ids, a batch of them in memory at a time."""
    name = f"queue-items-{timezone.now():%Y-%m-%d-%H%M}.csv"
    # Excel expects the list separator of its locale.
    delimiter = ";" if get_language() == "da" else ","
    return StreamingHttpResponse(
        lines(batches, delimiter),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
