"""Spans of time as people read them."""

from datetime import timedelta
from typing import Any

import pytest

from queueapi.durations import format_duration


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, "–"),
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1.9), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(minutes=1, seconds=59), "1 minute"),
        (timedelta(hours=2, minutes=5), "2 hours, 5 minutes"),
        (timedelta(days=9), "1 week, 2 days"),
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(days=10**6), "2737 years, 10 months"),
        (timedelta.max, "very long"),
    ],
)
def test_readable(span: Any, text: str) -> None:
    assert format_duration(span).replace("\xa0", " ") == text
