"""DRF's exception handler: errors are `{"success": false, "error": "<a sentence>"}`.

Validation errors add `"fields": {"<field>": ["<a sentence>", ...]}`.
"""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

BODY_TOO_LARGE = "The body is larger than this server accepts."


class RequestTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = BODY_TOO_LARGE


def error_body(sentence: str) -> dict[str, Any]:
    """Return the body of an error response, to be rendered as JSON."""
    return {"success": False, "error": sentence}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response to a viewset's exception; `None`, and so a 500, if it is unexpected."""
    if isinstance(exc, RequestDataTooBig):
        exc = RequestTooLarge()
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        summary = "; ".join(
            f"{name}: {sentences[0].rstrip('.')}" for name, sentences in response.data.items()
        )
        response.data = {**error_body(f"{summary}."), "fields": response.data}
    elif isinstance(exc, exceptions.UnsupportedMediaType):
        response.data = error_body("Send JSON, with the header Content-Type: application/json.")
    else:
        response.data = error_body(response.data["detail"])
    return response
