"""DRF's exception handler: errors are `{"success": false, "error": "<a sentence>"}`.

Validation errors add `"fields": {"<field>": ["<a sentence>", ...]}`.
"""

from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


def error_body(sentence: str, exception: Exception | None = None) -> dict[str, Any]:
    """Return the body of an error response, with the `extra` members of an exception."""
    return {"success": False, "error": sentence, **getattr(exception, "extra", {})}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response to a viewset's exception; `None`, and so a 500, if it is unexpected."""
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
        response.data = error_body(response.data["detail"], exc)
    return response
