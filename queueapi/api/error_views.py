"""Handlers of errors outside of viewsets: JSON, and HTML pages for the admin."""

from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from rest_framework.renderers import JSONRenderer

from queueapi.api.exception_handler import error_body

MALFORMED = "The request is malformed."
WRONG_HOST = "The Host header is not a name of this server."
SERVER_FAILED = (
    "The server could not complete the request; try again later, and name the X-Request-ID "
    "of this response when you report it."
)


def _error(
    request: HttpRequest, status_code: int, sentence: str, exception: Any = None, template: str = ""
) -> HttpResponse:
    """Return the page of the template, by default `<status_code>.html`, or the sentence as JSON.

    The page is rendered without the request, whose context processors would use the database.
    """
    if request.path.startswith("/admin/") and request.path != reverse("admin:session"):
        context = {
            "exception": exception,
            "reason": type(exception).__name__,
            "request_id": request.META.get("HTTP_X_REQUEST_ID"),
        }
        # The error may be raised outside of the middleware that activates the language.
        with translation.override(translation.get_language_from_request(request)):
            page = render_to_string(template or f"{status_code}.html", context)
        return HttpResponse(page, status=status_code)
    body = error_body(sentence, exception)
    response: Any = HttpResponse(JSONRenderer().render(body), "application/json", status_code)
    response.data = body  # as DRF's responses have it
    return response  # type: ignore[no-any-return]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = WRONG_HOST if isinstance(exception, DisallowedHost) else MALFORMED
    return _error(request, 400, sentence, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403, str(exception) or "You may not do this.", exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _error(request, 403, "The CSRF token is missing or incorrect.", template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404, "There is nothing at this URL.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(request, 500, SERVER_FAILED)
