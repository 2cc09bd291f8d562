"""Waitress, with a stop that loses no answer."""

import logging
import select
import signal
import time
from collections import Counter
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from queueapi.server.channels import CROWDED, LIMIT, Channel, make_room

logger = logging.getLogger(__name__)

# How long a stop waits for requests under way, in seconds. Longer than a statement may take, and
# whoever stops the process (IIS, systemd) should grant a little more.
DRAIN_SECONDS = 20

# SIGBREAK exists on Windows only: Ctrl-Break, which supervisors send, with Ctrl-C or without.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]


class Server:
    """Serves a WSGI application until a stop signal, and answers what is under way.

    Waitress's `run()` throws away answers that it still holds in buffers when it stops, which is
    likely with `send_bytes` above 1. So the loop is driven from here, on after the signal.
    """

    def __init__(self, application: Any, **options: Any) -> None:
        """Open the port. `options` are Waitress's own.

        Raises `OSError` if the port can't be had, `ValueError` for a host that is none.
        """
        self.sockets: dict[int, Any] = {}  # every open socket, kept up to date by Waitress
        self.waitress = create_server(
            application, map=self.sockets, connection_limit=LIMIT, **options
        )
        self.listeners: list[Any] = [
            s for s in self.sockets.values() if isinstance(s, BaseWSGIServer)
        ]
        for listener in self.listeners:
            listener.channel_class = Channel
        self.port = int(self.listeners[0].effective_port)
        self.signals: Counter[int] = Counter()
        for signum in STOP_SIGNALS:
            signal.signal(signum, self.stop)

    def stop(self, signum: int, frame: FrameType | None) -> None:
        """Begin to stop; with the same signal once more, stop without waiting.

        Two kinds of signals may be one stop: supervisors on Windows send Ctrl-C and Ctrl-Break.
        """
        self.signals[signum] += 1

    def run(self) -> None:
        swept = time.monotonic()
        while not self.signals:
            # One turn lasts a second at the most, so that a signal is seen within one.
            self.turn(timeout=1)
            if time.monotonic() >= swept + 1 or len(self.sockets) > CROWDED:
                make_room(self.connections())
                swept = time.monotonic()
        self.drain()

    def turn(self, timeout: float) -> None:
        # poll(), where there is one, because select() takes no file number above 1023.
        wasyncore.loop(timeout=timeout, map=self.sockets, count=1, use_poll=True)

    def connections(self) -> list[Channel]:
        return [s for s in self.sockets.values() if isinstance(s, Channel)]

    def drain(self) -> None:
        """Take no new requests, and go on until the answers to the others are sent."""
        self.stop_listening()
        for connection in self.connections():
            connection.takes_requests = False
        deadline = time.monotonic() + DRAIN_SECONDS
        while under_way := [c for c in self.connections() if c.is_under_way]:
            if max(self.signals.values()) > 1 or time.monotonic() > deadline:
                logger.warning("Stopping with %d requests unanswered", len(under_way))
                break
            self.turn(timeout=0.1)
        self.waitress.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self.sockets)

    def stop_listening(self) -> None:
        """Accept the connections that have queued up so far, read once from each, and no more."""
        for _ in range(self.listeners[0].adj.backlog):
            self.turn(timeout=0)  # accepts one
            if not select.select([listener.socket for listener in self.listeners], [], [], 0)[0]:
                break
        self.turn(timeout=0)
        for listener in self.listeners:
            # Not listener.close(): that would also close the pipe by which threads wake the loop.
            wasyncore.dispatcher.close(listener)
