"""Whose request it is and what its id is: in the answer's `X-Request-ID` and in every log line."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic
from traceback import TracebackException
from typing import Any
from uuid import uuid4

from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from security.address import address_in

# What a caller may choose: an id that can't break a log line or a header.
ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")

# Control characters, and the line and paragraph separators of Unicode.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Characters of a message, most of which may be a path of a stranger's.
LONGEST_MESSAGE = 500

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
    _client.set(str(address_in(environ)))


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


def one_line(text: str, longest: int) -> str:
    """The text, cut off and with its control characters escaped."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), cut)


class LineFormatter(logging.Formatter):
    """Keeps the message of each exception in a traceback to one line, as `one_line` does."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        return "\n".join(
            # A line of the stack, which has a line of source below it, or an exception.
            part.rstrip("\n") if part.startswith("  File ") else one_line(part.strip("\n"), 2000)
            for part in TracebackException(*ei).format()
        )


class OncePerMinute(logging.Filter):
    """Lets a record pass if none from the same line of code passed within a minute."""

    def __init__(self) -> None:
        super().__init__()
        self.passes_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), monotonic()
        if now < self.passes_at.get(place, 0):
            return False
        self.passes_at[place] = now + 60
        return True


class ShortClientErrors(logging.Filter):
    """Takes the traceback from records of 4xx responses, which clients cause at any rate."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True
