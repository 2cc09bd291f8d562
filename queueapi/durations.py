"""Parse durations and format durations and times."""

import re
from argparse import ArgumentTypeError
from contextlib import suppress
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import ngettext

LONGEST_DURATION = timedelta(days=100 * 365)

UNITS = ["weeks", "days", "hours", "minutes", "seconds"]
# The settings' notation (environs' timedelta), except that a number needs a unit: 365 could mean
# days or seconds. Only 0 needs none.
DURATION = re.compile(
    r"\s*(?=[0-9])"
    + "".join(rf"(?:(?P<{unit}>[0-9]+)\s*{unit[0]}\s*)?" for unit in UNITS)
    + r"|\s*0\s*",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """Return the duration that `90d`, `24h`, `2h30m` or `0` names; units are `w d h m s`.

    An argparse `type`: raises `ArgumentTypeError` for other texts and beyond 100 years.
    """
    if match := DURATION.fullmatch(text):
        numbers = match.groupdict(default="0")
        with suppress(ValueError, OverflowError):  # too many digits, or too long for a timedelta
            duration = timedelta(**{unit: int(number) for unit, number in numbers.items()})
            if duration <= LONGEST_DURATION:
                return duration
    raise ArgumentTypeError(f"{text!r} is not a duration up to 100 years; write 365d, 24h or 2h30m")


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
    # `timesince` needs dates. From the first one, any difference of two dates is in range.
    first = datetime(1, 1, 1)
    return timesince(first, first + duration, depth=depth)


def format_datetime(moment: datetime | None) -> str:
    """Return the time to the minute, as HTML that does not wrap; a dash for `None`."""
    if moment is None:
        return "–"
    return format_html(
        '<span class="nowrap">{}</span>', date_format(moment, "SHORT_DATETIME_FORMAT")
    )
