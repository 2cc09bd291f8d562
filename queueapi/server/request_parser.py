"""Waitress's parser of requests, with limits that it lacks."""

import logging
import re
from contextlib import suppress

from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, Error, InternalServerError

logger = logging.getLogger(__name__)

# Bytes of a path. Django decodes one that is not UTF-8 in quadratic time.
LONGEST_PATH = 8 * 1024
# Bytes of a chunk's control line or of the trailer, which Waitress searches anew at each read.
LONGEST_CONTROL = 8 * 1024

TRANSFER_ENCODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)


class BodyBuffer(OverflowableBuffer):
    """A body that is read to its end and dropped if the temporary folder is missing or full."""

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
        with suppress(OSError):  # the file could not be flushed
            super().close()


class RequestParser(HTTPRequestParser):
    path: str

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and not self.error and not self.empty:
            self.error = self.fault()
        if self.error and (self.header_plus + data).lstrip().startswith(b"HEAD "):
            # Of a request that was refused before it was parsed. The stubs say bytes.
            self.command = "HEAD"  # type: ignore[assignment]
        if self.error or self.completed:
            # Without a body to come: Waitress would ask for it and wait.
            self.completed, self.expect_continue = True, False
        return consumed

    def fault(self) -> Error | None:
        """Return what is wrong with the request as far as it has arrived."""
        body = self.body_rcv
        control = isinstance(body, ChunkedReceiver) and len(body.control_line + body.trailer)
        if control > LONGEST_CONTROL or len(self.path) > LONGEST_PATH:
            return BadRequest("")
        if body is not None and body.completed and getattr(body.buf, "has_failed", False):
            return InternalServerError("")
        return None

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a Content-Length of 5000 digits, an absolute URI with a [
            raise ParsingError(str(error)) from error
        if TRANSFER_ENCODING.search(header_plus) and (
            "CONTENT_LENGTH" in self.headers or not self.chunked
        ):
            # It may be an attempt to smuggle a request past a proxy (RFC 9112, section 6.1).
            self.close_connection()
        if self.body_rcv is not None:
            self.body_rcv.buf = BodyBuffer(self.adj.inbuf_overflow)

    def close_connection(self) -> None:
        """Make this the last request of its connection."""
        self.headers = {**self.headers, "CONNECTION": "close"}
