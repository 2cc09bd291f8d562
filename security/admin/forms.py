"""Forms of the pages on keys and bans."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any, TypeVar

from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from queueapi.durations import parse_duration, parse_lifetime
from security.models.clients import CLIENT_NAME

T = TypeVar("T")

TOKEN_AGE = 24 * 60 * 60  # seconds that a used token of a form is remembered


class DurationField(forms.CharField):
    """A duration in the notation of the commands, such as `2h30m`."""

    parse: Callable[[str], timedelta | None] = staticmethod(parse_duration)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.parse(text)
        except ArgumentTypeError as error:
            message = _("Write a duration up to 100 years, like 365d, 24h or 2h30m.")
            raise ValidationError(message) from error


class LifetimeField(DurationField):
    """A duration, or `never`."""

    parse = staticmethod(parse_lifetime)


def new_token() -> str:
    return token_urlsafe(16)


def is_first_use(token: str) -> bool:
    try:
        return cache.add(f"once.{token[:40]}", True, TOKEN_AGE)
    except settings.CACHE_ERRORS:
        return True  # an action that runs twice is better than none


class ActionForm(forms.Form):
    """A form that runs an action once: a reload of the response must not issue another key."""

    once = forms.SlugField(required=False, widget=forms.HiddenInput, initial=new_token)

    def clean(self) -> dict[str, Any]:
        token = self.cleaned_data.pop("once", "")
        if token and not self.errors and not is_first_use(token):
            raise ValidationError(_("This was done already, and was not done again."))
        return self.cleaned_data

    def run(self, action: Callable[..., T]) -> T | None:
        """Call `action` with the fields, in a transaction, and return what it returns.

        Returns `None` if the form is not valid, or if `action` raises `ValidationError`, whose
        messages are added to the form.
        """
        if not self.is_valid():
            return None
        try:
            with transaction.atomic():
                return action(**self.cleaned_data)
        except ValidationError as error:
            # The form was not used, so the page gets a new token.
            self.data = dict(self.data.items()) | {"once": new_token()}
            for name, errors in error.update_error_dict({}).items():
                self.add_error(name if name in self.fields else None, errors)
            return None


class IssueForm(ActionForm):
    client = forms.CharField(
        label=_("Client"),
        strip=False,
        max_length=100,
        validators=[CLIENT_NAME],
        help_text=_(
            "The system that will send the key. All keys of a client share its rate and limits. "
            "A new name adds a client."
        ),
    )
    expires = LifetimeField(
        label=_("Expires after"), initial="365d", help_text=_("For example 365d, 12h or never.")
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
    """Return `BAN_DURATION` in the largest unit that divides it, such as `1h` or `90m`."""
    seconds = int(settings.BAN_DURATION.total_seconds())
    units = {"d": 24 * 60 * 60, "h": 60 * 60, "m": 60, "s": 1}
    return next(f"{seconds // size}{unit}" for unit, size in units.items() if seconds % size == 0)


class BanForm(ActionForm):
    ip = forms.CharField(
        label=_("Client IP"),
        help_text=_("An IPv4 or IPv6 address. An IPv6 address stands for its /64."),
    )
    duration = DurationField(
        label=_("Duration"), initial=default_ban, help_text=_("For example 2h, 30m or 7d.")
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=200, help_text=_("Why, for readers of the list.")
    )
