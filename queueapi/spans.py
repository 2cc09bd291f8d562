"""Times and spans of time as people read them."""

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext


def readable(span: timedelta | None, depth: int = 2) -> str:
    """`42 seconds`, `3 minutes`, `2 days, 4 hours` (two units, the `depth`); a dash for none."""
    if span is None:
        return "–"
    if span < timedelta(minutes=1):
        seconds = max(int(span.total_seconds()), 0)
        return ngettext("%(seconds)d second", "%(seconds)d seconds", seconds) % {"seconds": seconds}
    # Against a fixed day: months and years are the only units that depend on one.
    begin = datetime(2001, 1, 1)
    try:
        return timesince(begin, begin + span, depth=depth)
    except OverflowError:
        return gettext("very long")


def short_time(moment: datetime | None) -> str:
    """To the minute and on one line, for columns; a dash for none."""
    if moment is None:
        return "–"
    return format_html(
        '<span class="nowrap">{}</span>', date_format(moment, "SHORT_DATETIME_FORMAT")
    )
