"""Lines of the log: their format, and filters of what clients can cause without limit."""

import logging
import re
from time import monotonic
from traceback import TracebackException
from typing import Any

# Control characters, and the line and paragraph separators of Unicode.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Characters of a message, most of which may be a path that a client chose.
LONGEST_MESSAGE = 500


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
