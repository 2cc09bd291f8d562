"""Add the request id to the response and, with the client IP, to each log line."""

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

# The ids that are accepted from clients. None breaks a log line or a header.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_client_ip: ContextVar[str] = ContextVar("client_ip", default="-")


@receiver(request_started)
def set_context(environ: dict[str, Any], **kwargs: Any) -> None:
    """Set the id and the client IP of this thread's request, before any middleware can fail.

    The client's own `X-Request-ID` is kept if it is `ACCEPTED`. Not reset after the response,
    because Django logs errors after the last middleware has returned.
    """
    request_id = environ.get("HTTP_X_REQUEST_ID", "")
    _request_id.set(request_id if ACCEPTED.fullmatch(request_id) else uuid4().hex)
    _client_ip.set(str(client_ip_from_environ(environ)))


class RequestContextMiddleware:
    """Add `X-Request-ID` to each response, and to the request for error pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["HTTP_X_REQUEST_ID"] = _request_id.get()
        response = self.get_response(request)
        response.headers["X-Request-ID"] = _request_id.get()
        return response


class RequestContextFilter(logging.Filter):
    """Add `request_id` and `client` (its IP) to each log record; `-` before the first request.

    Escape and truncate the message to one line, because Waitress logs paths as they were sent.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        record.client = _client_ip.get()
        record.msg = one_line(record.getMessage(), LONGEST_MESSAGE)
        record.args = None
        return True
