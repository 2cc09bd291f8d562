"""Cron expressions in words."""

from cron_descriptor import (
    FormatError,
    MissingFieldError,
    Options,
    WrongArgumentError,
    get_description,
)
from django.utils.translation import get_language

LOCALES = {"da": "da_DK"}


def in_words(expression: str) -> str | None:
    """`At 07:30, Monday through Friday`, in the page's language; `None` if it can't be said."""
    options = Options(
        locale_code=LOCALES.get(get_language() or "", "en_US"),
        use_24hour_time_format=True,
        verbose=True,
    )
    try:
        return str(get_description(expression, options))
    except (FormatError, MissingFieldError, WrongArgumentError):
        return None
