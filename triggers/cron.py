"""Cron expressions in words."""

import re

from cron_descriptor import (
    FormatError,
    MissingFieldError,
    Options,
    WrongArgumentError,
    get_description,
)
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import get_language, override

LOCALES = {"da": "da_DK"}


def in_words(expression: str) -> str | None:
    """`At 07:30, Monday through Friday`, in the page's language; `None` if it can't be said."""
    options = Options(
        locale_code=LOCALES.get(get_language() or "", "en_US"),
        use_24hour_time_format=True,
        verbose=True,
    )
    try:
        words = str(get_description(expression, options))
    except (FormatError, MissingFieldError, WrongArgumentError):
        return None
    # The library takes the names of days and months from the process, which speaks English.
    for name in (*WEEKDAYS.values(), *MONTHS.values()):
        with override("en"):
            english = str(name)
        words = re.sub(rf"\b{english}\b", str(name), words)
    return words
