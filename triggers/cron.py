"""Cron expressions in words."""

import calendar
import re

import cron_descriptor
from cron_descriptor import FormatError, MissingFieldError, WrongArgumentError
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import get_language

LOCALES = {"da": "da_DK"}


def in_words(expression: str) -> str | None:
    """Return `At 07:30, Monday through Friday` in the active language; `None` without words."""
    locale = LOCALES.get(get_language() or "", "en_US")
    options = cron_descriptor.Options(locale_code=locale, use_24hour_time_format=True, verbose=True)
    try:
        words = str(cron_descriptor.get_description(expression, options))
    except (FormatError, MissingFieldError, WrongArgumentError):
        return None
    # cron-descriptor takes the names of days and months from `calendar`, in the process's locale.
    names = (*calendar.day_name, *calendar.month_name[1:])
    for name, translation in zip(names, (*WEEKDAYS.values(), *MONTHS.values()), strict=True):
        words = re.sub(rf"\b{name}\b", str(translation), words)
    return words
