"""Server whose responses begin, and wait for a line on standard input to go on.

Usage: python -m queueapi.server.tests.slow_server [SECONDS]

SECONDS is the limit for the arrival of a request and for unread responses.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

from queueapi.server import channels
from queueapi.server.waitress import Server

if len(sys.argv) > 1:
    channels.REQUEST_SECONDS = channels.UNREAD_SECONDS = float(sys.argv[1])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "10001")])
    yield b"y"
    print("in work", flush=True)
    sys.stdin.readline()
    yield b"x" * 10_000


server = Server(application, host="127.0.0.1", port=0, threads=2, send_bytes=18_000)
print(server.port, flush=True)
server.run()
