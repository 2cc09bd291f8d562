"""The admin's login form."""

from threading import Lock
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

PATIENCE = 1  # seconds

checking, waiting = Lock(), Lock()


def take_turn() -> bool:
    """Return whether a password may be checked now. The caller releases `checking` afterwards.

    A check takes a core for a good part of a second. So one is under way at a time, one more
    waits, and others are refused at once, because waiting requests hold threads.
    """
    if checking.acquire(blocking=False):
        return True
    if not waiting.acquire(blocking=False):
        return False
    try:
        return checking.acquire(timeout=PATIENCE)
    finally:
        waiting.release()


class LoginForm(AdminAuthenticationForm):
    """Sets `login_username` on the request if a password was checked, or `login_refused`."""

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.keys() >= {"username", "password"}:
            return self.cleaned_data  # there is nothing to check
        request: Any = self.request
        if not take_turn():
            request.login_refused = True
            raise ValidationError(
                _("Too many people are signing in. Nothing was checked; try again in a moment.")
            )
        try:
            request.login_username = self.cleaned_data["username"]
            return super().clean()
        finally:
            checking.release()


admin.site.login_form = LoginForm
