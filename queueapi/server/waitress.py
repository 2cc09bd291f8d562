"""Waitress with a graceful shutdown."""

import logging
import select
import signal
import time
from collections import Counter
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from queueapi.server.channels import CROWDED, MAX_CHANNELS, Channel, clean_up

logger = logging.getLogger(__name__)

# Each has a thread of its own, because requests that hang may hold all others.
HEALTH_PATHS = ["/healthz", "/readyz"]

# Seconds that a shutdown waits for requests in work. A database statement may take less, and the
# supervisor (IIS, systemd) should wait a little longer.
SHUTDOWN_SECONDS = 20

# SIGBREAK exists on Windows only: Ctrl-Break, which supervisors send with Ctrl-C or instead.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]


class Server:
    """Serves a WSGI application until a stop signal, and then finishes the requests in work.

    Waitress's own `run()` drops the responses in its buffers when it stops (Waitress pull request
    499), and `send_bytes` above 1 leaves most of them there. So its loop is run from here.
    """

    def __init__(self, application: Any, **options: Any) -> None:
        """Open the port. `options` are Waitress's own.

        Raises `OSError` if the port is not free, `ValueError` for an unknown host.
        """
        self.sockets: dict[int, Any] = {}  # all open sockets, kept up to date by Waitress
        self.waitress = create_server(
            application, map=self.sockets, connection_limit=MAX_CHANNELS, **options
        )
        self.listeners: list[Any] = [
            s for s in self.sockets.values() if isinstance(s, BaseWSGIServer)
        ]
        for listener in self.listeners:
            listener.channel_class = Channel
            listener.add_task = self.add_task
        self.dispatchers: dict[str, Any] = {path: ThreadedTaskDispatcher() for path in HEALTH_PATHS}
        for dispatcher in self.dispatchers.values():
            dispatcher.set_thread_count(1)
        self.port = int(self.listeners[0].effective_port)
        self.signals: Counter[int] = Counter()
        for signum in STOP_SIGNALS:
            signal.signal(signum, self.stop)

    def stop(self, signum: int, frame: FrameType | None) -> None:
        """Shut down; if the same signal comes again, stop without waiting.

        Supervisors on Windows send two signals, Ctrl-C and Ctrl-Break, for one shutdown.
        """
        self.signals[signum] += 1

    def add_task(self, channel: Channel) -> None:
        """Queue the channel's first request for a thread."""
        path = getattr(channel.requests[0], "path", "")  # a malformed request has none
        path = "/" + path.lstrip("/")  # as Django reads it
        self.dispatchers.get(path, self.waitress.task_dispatcher).add_task(channel)

    def run(self) -> None:
        next_clean_up = 0.0
        while not self.signals:
            self.poll(timeout=1)  # seconds in which a signal is noticed
            if time.monotonic() >= next_clean_up or len(self.sockets) > CROWDED:
                clean_up(self.channels())
                next_clean_up = time.monotonic() + 1
        self.shut_down()

    def poll(self, timeout: float) -> None:
        """Wait for sockets that are ready, and serve each of them once."""
        # select() takes less time than poll(), but no file descriptor above 1023 on POSIX.
        use_poll = max(self.sockets) > 1023
        wasyncore.loop(timeout=timeout, map=self.sockets, count=1, use_poll=use_poll)

    def channels(self) -> list[Channel]:
        return [s for s in self.sockets.values() if isinstance(s, Channel)]

    def shut_down(self) -> None:
        """Accept no more requests, and return when all responses are sent."""
        self.stop_listening()
        for channel in self.channels():
            channel.accepts_requests = False
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while busy := sum(channel.is_busy for channel in self.channels()):
            if max(self.signals.values()) > 1 or time.monotonic() > deadline:
                logger.warning("Stopping with %d requests unanswered", busy)
                break
            self.poll(timeout=0.1)
        for dispatcher in (self.waitress.task_dispatcher, *self.dispatchers.values()):
            dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self.sockets)

    def stop_listening(self) -> None:
        """Accept the connections in the backlog, close the port, and read once from each."""
        sockets = [listener.socket for listener in self.listeners]
        for _ in range(self.listeners[0].adj.backlog):
            self.poll(timeout=0)  # accepts one connection
            if not select.select(sockets, [], [], 0)[0]:
                break
        # Nothing in between: connections that arrive after the last look are reset.
        for listener in self.listeners:
            # listener.close() would also close the pipe by which threads wake the loop.
            wasyncore.dispatcher.close(listener)
        self.poll(timeout=0)
