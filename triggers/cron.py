"""Cron expressions in words and as times, and their validation."""

import calendar
import re
from contextlib import suppress
from datetime import datetime
from itertools import islice

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

LOCALES = {"da": "da_DK"}


def in_words(expression: str) -> str | None:
    """Return `At 07:30, Monday through Friday` in the active language; `None` without words."""
    # Imported here: it takes 0.4 MiB of memory, and only pages of the admin use it.
    import cron_descriptor as cron  # noqa: PLC0415

    locale = LOCALES.get(get_language() or "", "en_US")
    options = cron.Options(locale_code=locale, use_24hour_time_format=True, verbose=True)
    try:
        words = str(cron.get_description(expression, options))
    except (cron.FormatError, cron.MissingFieldError, cron.WrongArgumentError):
        return None
    # cron-descriptor takes the names of days and months from `calendar`, in the process's locale.
    names = (*calendar.day_name, *calendar.month_name[1:])
    for name, translation in zip(names, (*WEEKDAYS.values(), *MONTHS.values()), strict=True):
        words = re.sub(rf"\b{name}\b", str(translation), words)
    return re.sub(r"\b(kl)(?= \d)", r"\1.", words, flags=re.IGNORECASE)  # in Danish


def next_times(expression: str, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` times after `after`, as OpenOrchestrator's scheduler calculates them.

    It uses `CronSim` with naive times in the local zone
    (`OpenOrchestrator.scheduler.runner.poll_triggers`).
    """
    times: list[datetime] = []
    # The expression may be none, or its times after the last year of Python's.
    with suppress(CronSimError, ValueError, OverflowError):
        times.extend(islice(CronSim(expression, after), count))
    return times


def has_next_time(expression: str) -> bool:
    """Return whether OpenOrchestrator's scheduler can calculate the next run.

    It uses `next(CronSim(...))` (`OpenOrchestrator.database.db_util.begin_scheduled_trigger`) and
    stops if that raises.
    """
    return bool(next_times(expression, timezone.now(), 1))


def validate_cron(expression: str) -> None:
    if not has_next_time(expression):
        raise ValidationError(_("Not a cron expression with a next time. One is: 30 7 * * 1-5."))
