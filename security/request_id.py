"""Add the request id to the response and, with the client IP and more, to log records."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from queueapi.log_format import LONGEST_MESSAGE, one_line
from security.client_ip import get_client_ip
from security.management.acting_user import acting_user

# The ids that are accepted from clients. None breaks a log line or a header.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")

_request: ContextVar[Any] = ContextVar("request", default=None)


@receiver(request_started)
def set_context(environ: dict[str, Any], **kwargs: Any) -> None:
    """Set the id and the client IP of this thread's request, before any middleware can fail.

    The client's own `X-Request-ID` is kept if it is `ACCEPTED`. Not reset after the response,
    because Django logs errors after the last middleware has returned.
    """
    if not ACCEPTED.fullmatch(environ.get("HTTP_X_REQUEST_ID", "")):
        environ["HTTP_X_REQUEST_ID"] = token_hex(16)
    # Until the middleware has Django's request, which takes longer to make.
    _request.set(SimpleNamespace(META=environ, method="", path=""))


class RequestContextMiddleware:
    """Add `X-Request-ID` to each response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _request.set(request)
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        return response


def request_fields() -> dict[str, Any]:
    """Return what is known of this thread's request so far; this makes no query.

    Without a request, as in a command of `manage.py`, return the acting user.
    """
    request = _request.get()
    if request is None:
        return {"user": acting_user()}
    # Set by DRF, ApiKeyAuthentication and Django.
    key = getattr(request, "auth", None) or getattr(request, "failed_key", None)
    user = getattr(request, "_cached_user", None)
    return {
        "request_id": request.META["HTTP_X_REQUEST_ID"],
        "client_ip": str(get_client_ip(request)),
        "client": key.client.name if key else "",
        "key": key.prefix if key else "",
        "user": user.username if user else "",
        "method": request.method[:20],
        "path": request.path[:LONGEST_MESSAGE],
    }


class RequestContextFilter(logging.Filter):
    """Add `request_id` and `client` (its IP) to each log record; `-` before the first request.

    Add the same and more as `fields`, for JSON, except what the record has there already. Escape
    and truncate the message to one line, because Waitress logs paths as they were sent.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        fields = request_fields()
        record.request_id = fields.get("request_id", "-")
        record.client = fields.get("client_ip", "-")
        record.fields = fields | getattr(record, "fields", {})
        record.msg = one_line(record.getMessage(), LONGEST_MESSAGE)
        record.args = None
        return True
