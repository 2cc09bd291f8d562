"""Spans of time as people type them: `90d`, `24h`, `2h30m`, `0`."""

import re
from argparse import ArgumentTypeError
from datetime import timedelta

from environs.fields import TimeDelta
from marshmallow import ValidationError

LONGEST = timedelta(days=100 * 365)


# A unit has to be there: whoever types 365 means days as often as seconds.
SPAN = re.compile(r"0|(\d+\s*[wdhms]\s*)+", re.ASCII)


def duration(text: str) -> timedelta:
    """Parse a span in the notation of the settings: units `w d h m s`, largest first, or `0`.

    An argparse `type`: raises `ArgumentTypeError` for nonsense and for more than 100 years.
    """
    try:
        span = TimeDelta().deserialize(text) if SPAN.fullmatch(text.strip()) else None
    except (ValidationError, OverflowError):
        span = None
    if span is None or span > LONGEST:
        raise ArgumentTypeError(
            f"{text!r} is not a span of time up to 100 years; write 365d, 24h or 2h30m"
        )
    return span


def lifetime(text: str) -> timedelta | None:
    """As `duration`, or `None` for the word `never`."""
    return None if text.strip() == "never" else duration(text)
