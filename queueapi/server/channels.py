"""Keeps connections that only take up room from using up the server.

A half-sent request holds no thread, since Waitress reads requests in its main loop. But it holds
a connection, of which there is a limited number, and Waitress lets it do so for as long as a byte
drips in now and then. An answer that nobody reads holds memory, an open file, or even a thread.
"""

import time
from collections.abc import Collection
from threading import Lock
from typing import Any

from waitress.channel import HTTPChannel

from queueapi.server.error_task import ApplicationTask, JSONErrorTask
from queueapi.server.request_parser import RequestParser

# How long one request may take to arrive, in seconds: 1 MiB at 35 KiB/s.
REQUEST_SECONDS = 30
# How long an answer may wait to be read on, in seconds.
UNREAD_SECONDS = 30
# How many requests may be sent ahead on one connection. Browsers, IIS and HTTP libraries send none.
PIPELINED = 2
# How many connections there may be. Windows' select() takes 512.
LIMIT = 400
# From here on, those that have nothing in work are closed, down to half the limit.
CROWDED = 300


class Channel(HTTPChannel):
    """One that knows since when it has had nothing for us to work on, and can be told to end."""

    requests: list[RequestParser]
    requests_lock: Lock
    parser_class = RequestParser
    task_class = ApplicationTask
    error_task_class = JSONErrorTask

    # Off while the server stops: what is half read is read on, but nothing new is begun.
    takes_requests = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting_since = time.monotonic()

    @property
    def is_under_way(self) -> bool:
        """Whether a request is half read or in work, or an answer not wholly sent."""
        return bool(self.request or self.requests or self.total_outbufs_len)

    @property
    def is_stuck(self) -> bool:
        """Whether the other side takes too long to send its request or to read its answer."""
        # Less than send_bytes of an answer in work waits for its rest, which is for us to bring.
        if self.total_outbufs_len >= (self.adj.send_bytes if self.requests else 1):
            return self.last_activity < time.time() - UNREAD_SECONDS
        return bool(self.request) and self.waiting_since < time.monotonic() - REQUEST_SECONDS

    def readable(self) -> bool:
        return bool(super().readable() and (self.takes_requests or self.request))

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.waiting_since = time.monotonic()
        taken = super().received(data)
        with self.requests_lock:
            if len(self.requests) > PIPELINED:
                # The connection is closed after these; the others are not begun.
                self.requests[PIPELINED - 1].close_connection()
                del self.requests[PIPELINED:]
        return taken


def make_room(connections: Collection[Channel]) -> None:
    """Close whoever is stuck, and when it is crowded, whoever has nothing in work.

    The longest wait goes first, so that a client which comes, asks and goes is never the one.
    """
    waiting = sorted((c for c in connections if not c.requests), key=lambda c: c.waiting_since)
    too_many = len(connections) - LIMIT // 2 if len(connections) >= CROWDED else 0
    for connection in (*waiting[:too_many], *filter(lambda c: c.is_stuck, connections)):
        connection.will_close = True
