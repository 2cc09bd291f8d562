"""The format of log lines, and filters for records that clients can cause at any rate."""

import logging
import re
from time import monotonic
from traceback import TracebackException
from typing import Any

# Control characters, and Unicode's line and paragraph separators.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Characters. Clients choose the path, which is a part of many messages.
LONGEST_MESSAGE = 500


def one_line(text: str, longest: int) -> str:
    """Return the text, truncated to `longest` characters, with control characters escaped."""
    truncated = text if len(text) <= longest else f"{text[:longest]}…"
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), truncated)


class LineFormatter(logging.Formatter):
    """Format the message of each exception in a traceback by `one_line`."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        return "\n".join(
            # A stack frame, which ends in a line of source, or an exception.
            part.rstrip("\n") if part.startswith("  File ") else one_line(part.strip("\n"), 2000)
            for part in TracebackException(*ei).format()
        )


class OncePerMinute(logging.Filter):
    """Pass one record a minute from each line of code."""

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
    """Remove the traceback from records of 4xx responses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True
