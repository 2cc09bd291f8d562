"""Add the request id to the response and, with the client IP and more, to log records."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from queueapi.log_format import LONGEST_MESSAGE, one_line
from security.client_ip import client_ip_from_environ
from security.management.acting_user import acting_user

# The ids that are accepted from clients. None breaks a log line or a header.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_client_ip: ContextVar[str] = ContextVar("client_ip", default="-")
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@receiver(request_started)
def set_context(environ: dict[str, Any], **kwargs: Any) -> None:
    """Set the id and the client IP of this thread's request, before any middleware can fail.

    The client's own `X-Request-ID` is kept if it is `ACCEPTED`. Not reset after the response,
    because Django logs errors after the last middleware has returned.
    """
    request_id = environ.get("HTTP_X_REQUEST_ID", "")
    _request_id.set(request_id if ACCEPTED.fullmatch(request_id) else uuid4().hex)
    _client_ip.set(str(client_ip_from_environ(environ)))
    _request.set(None)


class RequestContextMiddleware:
    """Add `X-Request-ID` to each response, and to the request for error pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _request.set(request)
        request.META["HTTP_X_REQUEST_ID"] = _request_id.get()
        response = self.get_response(request)
        response.headers["X-Request-ID"] = _request_id.get()
        return response


def request_fields() -> dict[str, Any]:
    """Return what is known of this thread's request so far; this makes no query.

    Without a request, as in a command of `manage.py`, return the acting user.
    """
    if _client_ip.get() == "-":
        return {"user": acting_user()}
    fields = {"request_id": _request_id.get(), "client_ip": _client_ip.get()}
    if request := _request.get():
        fields |= {"method": (request.method or "")[:20], "path": request.path[:LONGEST_MESSAGE]}
    # Set by DRF, ApiKeyAuthentication and Django.
    if key := getattr(request, "auth", None) or getattr(request, "failed_key", [0, None])[1]:
        fields |= {"client": key.client.name, "key": key.prefix}
    return fields | {"user": getattr(getattr(request, "_cached_user", None), "username", "")}


class RequestContextFilter(logging.Filter):
    """Add `request_id` and `client` (its IP) to each log record; `-` before the first request.

    Add the same and more as `fields`, for JSON, except what the record has there already. Escape
    and truncate the message to one line, because Waitress logs paths as they were sent.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id, record.client = _request_id.get(), _client_ip.get()
        record.fields = request_fields() | getattr(record, "fields", {})
        record.msg, record.args = one_line(record.getMessage(), LONGEST_MESSAGE), None
        return True
