"""A server whose answers wait for a line on standard input. Run by test_server.py.

Usage: python -m queueapi.tests.slow_server [SECONDS_FOR_A_REQUEST]
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

from queueapi import connections
from queueapi.server import Server

connections.REQUEST_SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    print("request is under way", flush=True)
    sys.stdin.readline()
    start_response("200 OK", [("Content-Length", "10000")])
    return [b"x" * 10_000]


server = Server(application, host="127.0.0.1", port=0, threads=2, send_bytes=18_000)
print(server.port, flush=True)
server.run()
