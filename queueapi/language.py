"""The admin in the language that the browser asks for."""

from typing import Any

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation


class AdminLocaleMiddleware(LocaleMiddleware):
    """Django's own, for the admin only: the API's answers are in English, and don't wait for it."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith("/admin/"):
            return self.get_response(request)
        try:
            return super().__call__(request)
        finally:
            # A language stays with its thread, whose next request may be one to the API.
            translation.deactivate()
