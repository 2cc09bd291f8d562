"""DRF's exception handler: errors are `{"success": false, "error": "<a sentence>"}`.

Validation errors add `"fields": {"<field>": ["<a sentence>", ...]}`, in which a nested field is
`items.17.data`.
"""

from collections.abc import Iterator
from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

# A bulk of 1000 items can have thousands of errors.
MAX_FIELDS = 100
MAX_SENTENCES = 10  # of `error`


def error_body(sentence: str, exception: Exception | None = None) -> dict[str, Any]:
    """Return the body of an error response, with the `extra` members of an exception."""
    return {"success": False, "error": sentence, **getattr(exception, "extra", {})}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response to a viewset's exception; `None`, and so a 500, if it is unexpected."""
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        fields = list(flatten(response.data))
        summary = [f"{name}: {errors[0].rstrip('.')}" for name, errors in fields[:MAX_SENTENCES]]
        if len(fields) > MAX_SENTENCES:
            summary.append(f"and {len(fields) - MAX_SENTENCES} more")
        response.data = error_body(f"{'; '.join(summary)}.") | {"fields": dict(fields[:MAX_FIELDS])}
    elif isinstance(exc, exceptions.UnsupportedMediaType):
        response.data = error_body(
            "The Content-Type is missing or not accepted; send JSON, with the header "
            "Content-Type: application/json."
        )
    else:
        response.data = error_body(response.data["detail"], exc)
    return response


def flatten(errors: dict[Any, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the path of each field with errors, and its errors."""
    for name, error in errors.items():
        if isinstance(error, dict):
            yield from flatten(error, f"{path}{name}.")
        else:
            yield f"{path}{name}", error
