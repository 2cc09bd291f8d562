"""Whose request it is and what its id is: in the answer's `X-Request-ID` and in every log line."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from security.address import client_address

# What a caller may choose: an id that can't break a log line or a header.
ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")

# Control characters, and the line and paragraph separators of Unicode.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_client: ContextVar[str] = ContextVar("client", default="-")


class RequestContextMiddleware:
    """Keeps the caller's `X-Request-ID` if it is acceptable, and makes one otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request.META.get("HTTP_X_REQUEST_ID", "")
        if not ACCEPTABLE.fullmatch(request_id):
            request_id = uuid4().hex
        # Never reset: Django logs a request's outcome after the last middleware has returned, and
        # the thread's next request sets them anew.
        _request_id.set(request_id)
        _client.set(str(client_address(request)))
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class RequestContextFilter(logging.Filter):
    """Gives each log record the client and id of its thread's request, `-` before the first.

    And keeps its message to one line: Waitress logs paths as they came, and nobody may write
    lines of our log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        record.client = _client.get()
        record.msg = CONTROL.sub(
            lambda found: found[0].encode("unicode_escape").decode(), record.getMessage()
        )
        record.args = None
        return True


class WithoutTraceback(logging.Filter):
    """Leaves a record its sentence."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True
