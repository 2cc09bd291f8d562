"""Django's middleware for people, which requests to the API pass by: they have no use for it."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation


class ForTheAdmin:
    """Before a middleware: leave it out of the way of whatever is not below `/admin/`."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith("/admin/"):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)  # type: ignore[attr-defined]


class AdminLocaleMiddleware(ForTheAdmin, LocaleMiddleware):
    """The language that the browser asks for. The API's answers are in English."""

    def __call__(self, request: HttpRequest) -> Any:
        try:
            return super().__call__(request)
        finally:
            # A language stays with its thread, whose next request may be one to the API.
            translation.deactivate()


class AdminSessionMiddleware(ForTheAdmin, SessionMiddleware):
    pass


class AdminAuthenticationMiddleware(ForTheAdmin, AuthenticationMiddleware):
    pass


class AdminMessageMiddleware(ForTheAdmin, MessageMiddleware):
    pass
