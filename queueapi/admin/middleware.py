"""Django's middleware for signed-in users, which runs for the admin only."""

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
    """Remove all cookies but the admin's own, before Django parses them.

    Python before 3.11.10 and 3.12.6 takes seconds to parse a quoted value with many backslashes
    (CVE-2024-7592), and Django's CSRF middleware reads cookies on every path. The admin's own
    cookies have neither quotes nor backslashes.
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
    """Mixin: run this middleware for `/admin/` only."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith("/admin/"):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)  # type: ignore[attr-defined]


class AdminLocaleMiddleware(AdminOnlyMixin, LocaleMiddleware):
    """Activate the browser's language. Responses of the API are in English."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        response = super().process_response(request, response)
        # The language stays active in the thread, whose next request may be to the API.
        translation.deactivate()
        return response


class AdminSessionMiddleware(AdminOnlyMixin, SessionMiddleware):
    pass


class AdminAuthenticationMiddleware(AdminOnlyMixin, AuthenticationMiddleware):
    pass


class AdminMessageMiddleware(AdminOnlyMixin, MessageMiddleware):
    pass
