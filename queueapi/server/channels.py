"""Waitress's channels, of which each serves a connection, with limits for slow clients.

Waitress reads requests in its main loop, so an incomplete request holds no thread. But it holds a
channel for as long as a byte arrives now and then, and the number of channels is limited. A
response that the client does not read holds memory, an open file, or even a thread.
"""

import time
from collections.abc import Collection
from threading import Lock
from typing import Any

from waitress.channel import HTTPChannel

from queueapi.server.error_task import ApplicationTask, JSONErrorTask
from queueapi.server.request_parser import RequestParser

# Seconds in which a request has to arrive. Each MiB that has arrived adds as many: 35 KiB/s.
REQUEST_SECONDS = 30.0
MIB = 1024 * 1024
# Seconds in which the client has to read more of a response.
UNREAD_SECONDS = 30.0
# Requests in work on one connection. Browsers, IIS and HTTP libraries don't pipeline.
MAX_PIPELINED = 2
# Windows' select() takes 512 sockets.
MAX_CHANNELS = 400
# From so many channels on, idle ones are closed until MAX_CHANNELS / 2 are left.
CROWDED = 300
# A request that was sent at once has been read in this time, also if all other channels are busy.
GRACE_SECONDS = 1


class Channel(HTTPChannel):
    """Channel with limits for the times of requests and responses and for pipelined requests."""

    requests: list[RequestParser]
    requests_lock: Lock
    parser_class = RequestParser
    task_class = ApplicationTask
    error_task_class = JSONErrorTask

    # False during a shutdown: the rest of an incomplete request is read, but no new one.
    accepts_requests = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # When the last request began to arrive, or before the first, when the client connected.
        self.last_request_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether a request is incomplete or in work, or a response is not wholly sent."""
        return bool(self.request or self.requests or self.total_outbufs_len)

    @property
    def has_timed_out(self) -> bool:
        """Whether the client took too long to send its request or to read the response."""
        # Less than send_bytes of a response in work are held back by Waitress, not by the client.
        if self.total_outbufs_len >= (self.adj.send_bytes if self.requests else 1):
            return self.last_activity < time.time() - UNREAD_SECONDS
        if self.request is None:
            return False
        seconds = REQUEST_SECONDS * (1 + self.request.body_bytes_received // MIB)
        return self.last_request_at < time.monotonic() - seconds

    def received(self, data: bytes) -> bool:
        if self.request is None:
            if not self.accepts_requests:
                return False
            self.last_request_at = time.monotonic()
        is_accepted = super().received(data)
        with self.requests_lock:
            if len(self.requests) > MAX_PIPELINED:
                # The connection is closed after these, and the others are not begun.
                self.requests[MAX_PIPELINED - 1].close_connection()
                del self.requests[MAX_PIPELINED:]
        return is_accepted


def clean_up(channels: Collection[Channel]) -> None:
    """Close channels that have timed out; if there are `CROWDED`, also those without work.

    The one whose last request began first is closed first, so a client that connects and sends
    its request at once keeps its connection.
    """
    before = time.monotonic() - GRACE_SECONDS
    waiting = [c for c in channels if not c.requests and c.last_request_at < before]
    idle = sorted(waiting, key=lambda c: c.last_request_at)
    too_many = len(channels) - MAX_CHANNELS // 2 if len(channels) >= CROWDED else 0
    for channel in (*idle[:too_many], *filter(lambda c: c.has_timed_out, channels)):
        channel.will_close = True
