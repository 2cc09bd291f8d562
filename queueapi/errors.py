"""Every error as JSON of one shape: `{"success": false, "error": "<a sentence>"}`.

Validation errors add `"fields": {"<field>": ["<a sentence>", ...]}`. The admin keeps Django's
own HTML pages.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

MALFORMED = "The request is malformed."
BODY_TOO_LARGE = "The body is larger than this server accepts."
SERVER_FAILED = (
    "The server could not complete the request; try again later, and name the X-Request-ID "
    "of this answer when you report it."
)


class RequestTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = BODY_TOO_LARGE


def envelope(sentence: str) -> dict[str, Any]:
    return {"success": False, "error": sentence}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Gives what a viewset raises our shape; what it doesn't know goes on to `server_error`."""
    if isinstance(exc, RequestDataTooBig):
        exc = RequestTooLarge()
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        response.data = {**envelope(_summary(response.data)), "fields": response.data}
    elif isinstance(exc, exceptions.UnsupportedMediaType):
        response.data = envelope("Send JSON, with the header Content-Type: application/json.")
    else:
        response.data = envelope(response.data["detail"])
    return response


def _summary(fields: dict[str, list[str]]) -> str:
    """One sentence that names each field with its first message."""
    return (
        "; ".join(f"{name}: {messages[0].rstrip('.')}" for name, messages in fields.items()) + "."
    )


# What happens outside of a viewset arrives here, by Django's `handler400` and its siblings.


def _answer(
    request: HttpRequest, status_code: int, sentence: str, page: Callable[[], HttpResponse]
) -> HttpResponse:
    if request.path.startswith("/admin/"):
        return page()
    # As DRF's renderer writes it.
    as_drf = {"separators": (",", ":"), "ensure_ascii": False}
    return JsonResponse(envelope(sentence), status=status_code, json_dumps_params=as_drf)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = MALFORMED
    if isinstance(exception, DisallowedHost):
        sentence = "The Host header is not a name that this server answers to."
    return _answer(request, 400, sentence, lambda: defaults.bad_request(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        403,
        str(exception) or "You may not do this.",
        lambda: defaults.permission_denied(request, exception),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        404,
        "There is nothing at this address.",
        lambda: defaults.page_not_found(request, exception),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, SERVER_FAILED, lambda: defaults.server_error(request))
