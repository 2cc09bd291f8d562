"""Durations as people type and read them, and times as people read them."""

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext

LONGEST_DURATION = timedelta(days=100 * 365)

UNITS = ["weeks", "days", "hours", "minutes", "seconds"]
# A number without a unit is refused: somebody who types 365 may mean days or seconds.
DURATION = re.compile(
    r"\s*(?=[0-9])"
    + "".join(rf"(?:(?P<{unit}>[0-9]+)\s*{unit[0]}\s*)?" for unit in UNITS)
    # No duration needs no unit.
    + r"|\s*0\s*"
)


def parse_duration(text: str) -> timedelta:
    """Return the duration that `90d`, `24h`, `2h30m` or `0` names; units are `w d h m s`.

    An argparse `type`: raises `ArgumentTypeError` for other texts and beyond 100 years.
    """
    match = DURATION.fullmatch(text)
    try:
        units = match.groupdict(default="0") if match else {}
        duration = timedelta(**{unit: int(number) for unit, number in units.items()})
    except (ValueError, OverflowError):  # too many digits, or too long for a timedelta
        match = None
    if match is None or duration > LONGEST_DURATION:
        raise ArgumentTypeError(
            f"{text!r} is not a duration up to 100 years; write 365d, 24h or 2h30m"
        )
    return duration


def parse_lifetime(text: str) -> timedelta | None:
    """Return the duration, or `None` for the word `never`."""
    return None if text.strip() == "never" else parse_duration(text)


def format_duration(duration: timedelta | None, depth: int = 2) -> str:
    """Return `42 seconds`, `3 minutes` or `2 days, 4 hours` (`depth` units); a dash for `None`."""
    if duration is None:
        return "–"
    if duration < timedelta(minutes=1):
        seconds = max(int(duration.total_seconds()), 0)
        return ngettext("%(seconds)d second", "%(seconds)d seconds", seconds) % {"seconds": seconds}
    # From a fixed date, because the lengths of months and years depend on it.
    start = datetime(2001, 1, 1)
    try:
        return timesince(start, start + duration, depth=depth)
    except OverflowError:
        return gettext("very long")


def format_datetime(moment: datetime | None) -> str:
    """Return the time to the minute, as HTML that does not wrap; a dash for `None`."""
    if moment is None:
        return "–"
    return format_html(
        '<span class="nowrap">{}</span>', date_format(moment, "SHORT_DATETIME_FORMAT")
    )
