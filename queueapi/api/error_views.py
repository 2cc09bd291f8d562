"""Handlers of errors outside of viewsets: JSON, and Django's HTML pages for the admin."""

from collections.abc import Callable
from functools import partial

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from queueapi.api.exception_handler import error_body

MALFORMED = "The request is malformed."
WRONG_HOST = "The Host header is not a name that this server answers to."
SERVER_FAILED = (
    "The server could not complete the request; try again later, and name the X-Request-ID "
    "of this answer when you report it."
)


def _error(
    request: HttpRequest,
    status_code: int,
    sentence: str,
    html_page: Callable[[], HttpResponse],
    exception: Exception | None = None,
) -> HttpResponse:
    if request.path.startswith("/admin/"):
        return html_page()
    body = error_body(sentence, exception)
    # The bytes that DRF's renderer writes.
    as_drf = {"separators": (",", ":"), "ensure_ascii": False}
    return JsonResponse(body, status=status_code, json_dumps_params=as_drf)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = MALFORMED
    if isinstance(exception, DisallowedHost):
        sentence = WRONG_HOST
    return _error(request, 400, sentence, lambda: defaults.bad_request(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = str(exception) or "You may not do this."
    page = partial(defaults.permission_denied, request, exception)
    return _error(request, 403, sentence, page, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = "There is nothing at this address."
    return _error(request, 404, sentence, lambda: defaults.page_not_found(request, exception))


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(request, 500, SERVER_FAILED, lambda: defaults.server_error(request))
