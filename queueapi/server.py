"""Waitress, with a stop that loses no answer."""

import select
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from queueapi.connections import CROWDED, LIMIT, Connection, make_room

# How long a stop waits for requests under way, in seconds. Queries are given up earlier than
# this; whoever stops the process (IIS, systemd) should grant a little more.
DRAIN_SECONDS = 20

# SIGBREAK exists on Windows only: Ctrl-Break, and what IIS sends.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]


def serve(application: Any, on_ready: Callable[[int], None], **options: Any) -> None:
    """Serve `application` until a stop signal, answer what is under way, and return.

    `on_ready` gets the port once it is open; `options` are Waitress's own. A second signal ends
    the waiting. Raises `OSError` if the port can't be had, `ValueError` for a host that is none.

    Waitress's `run()` throws away answers that it still holds in buffers when it stops, which is
    likely with `send_bytes` above 1. So the loop is driven from here, on after the signal.
    """
    sockets: dict[int, Any] = {}  # every open socket, kept up to date by Waitress
    server = create_server(application, map=sockets, connection_limit=LIMIT, **options)
    listeners: list[Any] = [s for s in sockets.values() if isinstance(s, BaseWSGIServer)]
    for listener in listeners:
        listener.channel_class = Connection

    signals = 0

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1

    for signum in STOP_SIGNALS:
        signal.signal(signum, stop)
    on_ready(int(listeners[0].effective_port))

    swept = time.monotonic()
    while not signals:
        # One turn lasts a second at the most, so that a signal is seen within one.
        wasyncore.loop(timeout=1, map=sockets, count=1)
        if time.monotonic() >= swept + 1 or len(sockets) > CROWDED:
            make_room(_connections(sockets))
            swept = time.monotonic()

    _stop_listening(listeners, sockets)
    deadline = time.monotonic() + DRAIN_SECONDS
    while signals < 2 and time.monotonic() < deadline and _under_way(sockets):
        wasyncore.loop(timeout=0.1, map=sockets, count=1)
    server.task_dispatcher.shutdown(timeout=1)
    wasyncore.close_all(sockets)


def _stop_listening(listeners: list[Any], sockets: dict[int, Any]) -> None:
    """Accept the connections that have queued up so far, read once from each, and no more."""
    for _ in range(listeners[0].adj.backlog):
        wasyncore.loop(timeout=0, map=sockets, count=1)  # accepts one
        if not select.select([listener.socket for listener in listeners], [], [], 0)[0]:
            break
    wasyncore.loop(timeout=0, map=sockets, count=1)
    for listener in listeners:
        # Not listener.close(): that would also close the pipe by which threads wake the loop.
        wasyncore.dispatcher.close(listener)


def _under_way(sockets: dict[int, Any]) -> bool:
    """Whether a connection has a request half read or in work, or an answer not wholly sent."""
    return any(
        connection.request or connection.requests or connection.total_outbufs_len
        for connection in _connections(sockets)
    )


def _connections(sockets: dict[int, Any]) -> list[Connection]:
    return [s for s in sockets.values() if isinstance(s, Connection)]
