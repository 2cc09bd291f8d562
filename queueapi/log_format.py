"""The formats of the log, and filters for records that clients can cause at any rate."""

import io
import json
import logging
import re
from contextvars import copy_context
from datetime import datetime
from functools import partial
from time import monotonic
from traceback import TracebackException
from typing import Any

from django.db import transaction

# Control characters, Unicode's line and paragraph separators, and lone surrogates.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# Characters. Clients choose the path, which is a part of many messages.
LONGEST_MESSAGE = 500

# What can be data of an item, up to the end of a line in a JSON string: a `Referer` that Django
# refuses, the query of a URL, and the end of SQL Server's error 2628.
PRIVATE = re.compile(r'(checking failed - |https?://[^\s?"]*\?|Truncated value: )([^"\\]|\\[^n])+')


def log_event(event: str, **fields: Any) -> None:
    """Log an event that has no line in the other format. The fields must not be secret.

    In a transaction it is logged after the commit, so that none tells of what was rolled back.
    """
    logger = logging.getLogger("queueapi.events")
    if not logger.isEnabledFor(logging.INFO):
        return
    log = partial(logger.info, event, extra={"fields": {"event": event, **fields}})
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(partial(copy_context().run, log))
    else:
        log()


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


class JSONFormatter(LineFormatter):
    """Format a record, to which `RequestContextFilter` added fields, as a JSON object in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": at, "level": record.levelname, "event": "log"}
        line.update(getattr(record, "fields", {}))
        line["logger"] = record.name
        line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        filled = {name: value for name, value in line.items() if value}
        return PRIVATE.sub(r"\1", json.dumps(filled))


class LogStream(io.TextIOBase):
    """Text stream whose lines become log records, for what Python itself writes to stderr."""

    unfinished = ""

    def write(self, text: str) -> int:
        *lines, self.unfinished = f"{self.unfinished}{text}".split("\n")
        for line in lines:
            if line.strip():
                logging.getLogger("stderr").warning("%s", line)
        return len(text)


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
