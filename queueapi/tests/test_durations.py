"""Durations: parsed from options and forms, formatted for people."""

from argparse import ArgumentTypeError
from datetime import datetime, timedelta

import pytest
from environs import Env

from queueapi.durations import format_duration, parse_duration, parse_lifetime


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("365d", timedelta(days=365)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        (" 1w 2d 3h 4m 5s ", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("0", timedelta(0)),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_parsed_as_the_settings_are(
    monkeypatch: pytest.MonkeyPatch, text: str, duration: timedelta
) -> None:
    monkeypatch.setenv("DURATION", text)
    assert parse_duration(text) == Env().timedelta("DURATION") == duration


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "365", "d", "soon", "never", "-1d", "1.5h", "1d1d", "1s1m", "٣d"),
        *("36501d", "9" * 10 + "d", "9" * 5000 + "d"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a duration up to 100 years"):
        parse_duration(text)


def test_never_is_a_lifetime_without_end() -> None:
    assert parse_lifetime(" never ") is None
    assert parse_lifetime("24h") == timedelta(days=1)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (None, "–"),
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1.9), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=1, seconds=59), "1 minute"),
        (timedelta(hours=2, minutes=5), "2 hours, 5 minutes"),
        (timedelta(days=9), "1 week, 2 days"),
        (timedelta(seconds=-5), "0 seconds"),
        (datetime.max - datetime.min, "9998 years, 11 months"),
    ],
)
def test_formatted(duration: timedelta | None, text: str) -> None:
    assert format_duration(duration).replace("\xa0", " ") == text
