"""Whose request it is and what its id is: in the answer's `X-Request-ID` and in every log line."""

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

# What a caller may choose: an id that can't break a log line or a header.
ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")
_client: ContextVar[str] = ContextVar("client", default="-")


@receiver(request_started)
def set_context(environ: dict[str, Any], **kwargs: Any) -> None:
    """Set the client and the id of this thread's request, before anything of it can fail.

    The caller's `X-Request-ID` is kept if it is acceptable. Never reset: Django logs a request's
    outcome after the last middleware has returned.
    """
    request_id = environ.get("HTTP_X_REQUEST_ID", "")
    _request_id.set(request_id if ACCEPTABLE.fullmatch(request_id) else uuid4().hex)
    _client.set(str(client_ip_from_environ(environ)))


class RequestContextMiddleware:
    """Adds the request's id to its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers["X-Request-ID"] = _request_id.get()
        return response


class RequestContextFilter(logging.Filter):
    """Gives each log record the client and id of its thread's request, `-` before the first.

    And keeps its message to one line of limited length: Waitress logs paths as they came.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        record.client = _client.get()
        record.msg = one_line(record.getMessage(), LONGEST_MESSAGE)
        record.args = None
        return True
