"""Input rules that the API's serializers share.

Nothing is coerced: a number where a text belongs is an error, not `"5"`.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from queueapi.database.model_fields import EARLIEST, LATEST

# The shape of a date, or of a date and time. Python's reader takes any character between the two,
# so that it would read the offset in "2025-04-26+02:00" as a time.
ISO_8601 = re.compile(
    r"[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2}-?[0-9])"
    r"([T ][0-9]{2}(:?[0-9]{2}(:?[0-9]{2}([.,][0-9]+)?)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)


class InputSerializer(serializers.Serializer):
    """A serializer for which `null` means absent, so that the model's defaults apply."""

    def to_internal_value(self, data: Mapping[str, Any]) -> dict[str, Any]:
        present = {name: value for name, value in data.items() if value is not None}
        validated: dict[str, Any] = super().to_internal_value(present)
        return validated


class OnlyText:
    """A field that takes a JSON string and nothing else."""

    def run_validation(self, data: Any = empty) -> Any:
        if data is not empty and not isinstance(data, str):
            raise serializers.ValidationError(_("Must be a text."), code="invalid")
        return super().run_validation(data)  # type: ignore[misc]


class TextField(OnlyText, serializers.CharField):
    """A text, stored as it is: white space at its ends is kept unless `trim_whitespace` is set.

    NUL and lone surrogates are refused (by `CharField`), because databases refuse them.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)


class UpperCaseChoiceField(OnlyText, serializers.ChoiceField):
    """One of `choices` in any letter case; the value is the choice, in upper case."""

    default_error_messages = {"invalid_choice": _("Must be one of {choices}.")}

    def to_internal_value(self, data: Any) -> str:
        # ASCII only: a long s and a dotless i, among others, have S and I as their upper case.
        choice = data.upper() if data.isascii() else ""
        if choice not in self.choices:
            self.fail("invalid_choice", choices=", ".join(self.choices))
        return choice


class LocalDateTimeField(OnlyText, serializers.DateTimeField):
    """An ISO 8601 date or date-time as a naive time in the server's zone; empty means absent.

    A time without an offset is taken as local; one with an offset is converted. A date alone is
    its midnight.
    """

    default_error_messages = {
        "invalid": _("Must be an ISO 8601 date or date-time, like 2025-04-26T12:00:00+02:00."),
        "range": _("Must lie between the years 1753 and 9999."),
    }

    def get_value(self, dictionary: Mapping[str, Any]) -> Any:
        value = super().get_value(dictionary)
        return empty if value == "" else value

    def to_internal_value(self, value: Any) -> datetime.datetime:
        value = value.upper()
        try:
            parsed = parse_datetime(value) if ISO_8601.fullmatch(value) else None
        except ValueError:
            parsed = None
        if parsed is None:
            self.fail("invalid")
        try:
            local = timezone.make_naive(parsed) if timezone.is_aware(parsed) else parsed
        except OverflowError:
            self.fail("range")
        if not EARLIEST <= local <= LATEST:
            self.fail("range")
        return local
