"""Spans of time as people type them: `90d`, `24h`, `2h30m`, `0`."""

from argparse import ArgumentTypeError
from datetime import timedelta

from environs.fields import TimeDelta
from marshmallow import ValidationError

LONGEST = timedelta(days=100 * 365)


def duration(text: str) -> timedelta:
    """Parse a span as the settings do: units `w d h m s`, largest first; a bare number is seconds.

    An argparse `type`: raises `ArgumentTypeError` for nonsense, less than 0 and over 100 years.
    """
    try:
        span = TimeDelta().deserialize(text)
    except (ValidationError, OverflowError):
        span = None
    if span is None or not timedelta(0) <= span <= LONGEST:
        raise ArgumentTypeError(
            f"{text!r} is not a span of time from 0 to 100 years; write 365d, 24h or 2h30m"
        )
    return span
