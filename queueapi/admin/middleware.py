"""Django's middleware for people, which requests to the API pass by: they have no use for it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

OWN_COOKIES = {
    *(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME),
    CookieStorage.cookie_name,
}


class AdminCookieMiddleware:
    """Remove all cookies but the admin's own from the request, before anything parses them.

    Python before 3.11.10 and 3.12.6 takes seconds for a quoted value with many backslashes
    (CVE-2024-7592), and Django's CSRF middleware reads cookies on every path. Ours have neither
    quotes nor backslashes; those of other applications on the same host may.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        header = request.META.pop("HTTP_COOKIE", "")
        if header and request.path_info.startswith("/admin/"):
            request.META["HTTP_COOKIE"] = "; ".join(
                cookie
                for cookie in map(str.strip, header.split(";"))
                if cookie.partition("=")[0] in OWN_COOKIES and not {'"', "\\"}.intersection(cookie)
            )
        return self.get_response(request)


class AdminOnlyMixin:
    """Before a middleware: leave it out of the way of whatever is not below `/admin/`."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith("/admin/"):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)  # type: ignore[attr-defined]


class AdminLocaleMiddleware(AdminOnlyMixin, LocaleMiddleware):
    """The language that the browser asks for. The API's answers are in English."""

    def __call__(self, request: HttpRequest) -> Any:
        try:
            return super().__call__(request)
        finally:
            # A language stays with its thread, whose next request may be one to the API.
            translation.deactivate()


class AdminSessionMiddleware(AdminOnlyMixin, SessionMiddleware):
    pass


class AdminAuthenticationMiddleware(AdminOnlyMixin, AuthenticationMiddleware):
    pass


class AdminMessageMiddleware(AdminOnlyMixin, MessageMiddleware):
    pass
