"""Waitress's request parser, with limits that it lacks."""

import logging
from contextlib import suppress

from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, Error, InternalServerError

logger = logging.getLogger(__name__)

# Bytes. Django's repercent_broken_unicode() takes quadratic time for a path that is not UTF-8.
MAX_PATH = 8 * 1024
# Bytes of a chunk's control line or of the trailer, which ChunkedReceiver searches from the start
# each time that bytes arrive.
MAX_CONTROL = 8 * 1024


class BodyBuffer(OverflowableBuffer):
    """Buffer that drops the body if the temporary folder is missing or full.

    Waitress does not catch `OSError` here, and would leave the client without a response.
    """

    has_failed = False

    def append(self, s: bytes) -> None:
        if self.has_failed:
            return
        try:
            super().append(s)
        except OSError:
            logger.exception("A request's body could not be written to the temporary folder")
            self.has_failed = True
            self.close()

    def close(self) -> None:
        with suppress(OSError):  # a file that can't be flushed
            super().close()


class RequestParser(HTTPRequestParser):
    path: str

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and not self.error and not self.empty:
            self.error = self.get_error()
        if self.error and (self.header_plus + data).lstrip().startswith(b"HEAD "):
            # Also if the error was found before the method. A str, though the stubs say bytes.
            self.command = "HEAD"  # type: ignore[assignment]
        if self.error or self.completed:
            # Without this Waitress would send "100 Continue" and wait for a body.
            self.completed, self.expect_continue = True, False
        return consumed

    def get_error(self) -> Error | None:
        """Return the error of a request that Waitress accepts so far."""
        body = self.body_rcv
        control = isinstance(body, ChunkedReceiver) and len(body.control_line + body.trailer)
        if control > MAX_CONTROL or len(self.path) > MAX_PATH:
            return BadRequest("")
        if body is not None and body.completed and getattr(body.buf, "has_failed", False):
            return InternalServerError("")
        return None

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a Content-Length of 5000 digits, an absolute URI with a [
            raise ParsingError(str(error)) from error
        if b"\ntransfer-encoding:" in header_plus.lower() and (
            "CONTENT_LENGTH" in self.headers or not self.chunked
        ):
            # It may be an attempt to smuggle a request past a proxy (RFC 9112, section 6.1).
            self.close_connection()
        if self.body_rcv is not None:
            self.body_rcv.buf = BodyBuffer(self.adj.inbuf_overflow)

    def close_connection(self) -> None:
        """Make this the last request of its connection."""
        self.headers = {**self.headers, "CONNECTION": "close"}
