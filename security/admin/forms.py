"""What the pages on keys and bans ask."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from queueapi.durations import parse_duration, parse_lifetime

REMEMBERED = 24 * 60 * 60  # seconds that a form is known to have been sent


class DurationField(forms.CharField):
    """A span of time in the notation of the commands."""

    def __init__(
        self, parse: Callable[[str], timedelta | None] = parse_duration, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.parse = parse

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.parse(text)
        except ArgumentTypeError as error:
            raise ValidationError(
                _("Write a span of time up to 100 years, like 365d, 24h or 2h30m.")
            ) from error


def new_token() -> str:
    return token_urlsafe(16)


def is_first_use(token: str) -> bool:
    try:
        return cache.add(f"once.{token[:40]}", True, REMEMBERED)
    except settings.CACHE_ERRORS:
        return True  # better twice than never


class ActionForm(forms.Form):
    """A form for which a verb of a model may still refuse what it holds.

    It is sent once: whoever reloads the answer, which may show a key, must not get another.
    """

    once = forms.SlugField(required=False, widget=forms.HiddenInput, initial=new_token)

    def clean(self) -> dict[str, Any]:
        token = self.cleaned_data.get("once")
        if token and not self.errors and not is_first_use(token):
            raise ValidationError(_("This was done already, and was not done again."))
        return self.cleaned_data

    def refuse(self, error: ValidationError) -> None:
        self.data = {**dict(self.data.items()), "once": new_token()}
        if hasattr(error, "error_dict"):
            for name, errors in error.error_dict.items():
                self.add_error(name if name in self.fields else None, errors)
        else:
            self.add_error(None, error)


class IssueForm(ActionForm):
    client = forms.CharField(
        label=_("Client"),
        strip=False,
        max_length=100,
        help_text=_("The system that will send the key. All keys of a client share its rate."),
    )
    expires = DurationField(
        parse_lifetime,
        label=_("Expires after"),
        initial="365d",
        help_text=_("For example 365d, 12h or never."),
    )


class RotateForm(ActionForm):
    overlap = DurationField(
        label=_("Overlap"),
        initial="24h",
        help_text=_(
            "How long the older keys go on beside the new one: 24h, 7d, or 0 to end them at once."
        ),
    )


def default_ban() -> str:
    seconds = int(settings.BAN_DURATION.total_seconds())
    unit, size = next(unit for unit in UNITS if seconds % unit[1] == 0)
    return f"{seconds // size}{unit}"


UNITS = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)]


class BanForm(ActionForm):
    address = forms.CharField(
        label=_("Address"),
        help_text=_("An IPv4 or IPv6 address. An IPv6 address stands for its /64."),
    )
    span = DurationField(
        label=_("For"), initial=default_ban, help_text=_("For example 2h, 30m or 7d.")
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Why, for whoever reads the list.")
    )
