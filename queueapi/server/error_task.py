"""Waitress's tasks, which send responses: those of the application, and its own errors as JSON."""

import json
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.signals import request_started
from waitress.task import ErrorTask, Task, WSGITask

from queueapi.api.error_views import MALFORMED, SERVER_FAILED
from queueapi.api.exception_handler import error_body
from queueapi.api.exceptions import HeadersTooLarge, RequestTooLarge
from queueapi.log_format import LONGEST_MESSAGE, log_event

SENTENCES = {
    RequestTooLarge.status_code: RequestTooLarge.default_detail,
    HeadersTooLarge.status_code: HeadersTooLarge.default_detail,
    HTTPStatus.NOT_IMPLEMENTED: "The Transfer-Encoding is not one that this server reads.",
    HTTPStatus.INTERNAL_SERVER_ERROR: SERVER_FAILED,
}


class HeadTask(Task):
    """Task that sends no body to a HEAD request (RFC 9110, section 9.3.2)."""

    def write(self, data: bytes) -> None:
        is_head = getattr(self.request, "command", "") == "HEAD"
        super().write(b"" if is_head else data)
        if is_head:
            self.chunked_response = False  # Waitress would send an empty last chunk


class ApplicationTask(HeadTask, WSGITask):
    """Task that keeps the connection after a 304 in HTTP/1.1, for clients that poll.

    Waitress closes it, because a 304 has no `Content-Length`.
    """

    def set_close_on_finish(self) -> None:
        request: Any = self.request
        client_closes = request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or client_closes or self.version == "1.0":
            super().set_close_on_finish()


class JSONErrorTask(HeadTask, ErrorTask):
    """Task that sends an error found by Waitress as JSON, and closes the connection.

    Such a request is malformed or far beyond a limit, and Django does not see it.
    """

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        environ = {f"HTTP_{name}": text for name, text in request.headers.items()}
        environ["REMOTE_ADDR"] = self.channel.addr[0]
        # For the log: otherwise this thread has the id and the IP of its last request.
        request_started.send(JSONErrorTask, environ=environ)
        path = getattr(request, "path", "")  # without one if the first line is malformed
        log_event("request", status=error.code, path=path[:LONGEST_MESSAGE])
        body = json.dumps(error_body(SENTENCES.get(error.code, MALFORMED))).encode()
        self.status = f"{error.code} {error.reason}"
        hsts = settings.SECURE_HSTS_SECONDS
        self.response_headers = [
            ("Content-Type", "application/json"),
            ("X-Request-ID", environ["HTTP_X_REQUEST_ID"]),
            # As Django's middleware sets them on all other responses.
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "same-origin"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
            *([("Strict-Transport-Security", f"max-age={hsts}")] if hsts else []),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
