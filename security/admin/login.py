"""The admin's login form."""

from threading import Lock
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

WAIT_SECONDS = 1

check_lock, wait_lock = Lock(), Lock()


def acquire_check() -> bool:
    """Acquire `check_lock` for a password check, and return whether that succeeded.

    A check uses a core for a good part of a second. So one runs at a time and one waits for
    `WAIT_SECONDS`; others fail at once, because requests that wait hold threads.
    """
    if check_lock.acquire(blocking=False):
        return True
    if not wait_lock.acquire(blocking=False):
        return False
    try:
        return check_lock.acquire(timeout=WAIT_SECONDS)
    finally:
        wait_lock.release()


class LoginForm(AdminAuthenticationForm):
    """Set `login_username` on the request if a password was checked, otherwise `login_refused`."""

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.keys() >= {"username", "password"}:
            return self.cleaned_data  # without a password to check
        request: Any = self.request
        if not acquire_check():
            request.login_refused = True
            raise ValidationError(
                _("Too many people are signing in. Nothing was checked; try again in a moment.")
            )
        try:
            request.login_username = self.cleaned_data["username"]
            return super().clean()
        finally:
            check_lock.release()


admin.site.login_form = LoginForm
