"""Call a WSGI application in this process, without a socket, and measure it.

    python -m benchmarks.worker MODULE

Each line on standard input is a request as JSON, with the number of calls and the expected status:
`{"times": 300, "status": 201, "method": "POST", "path": "/api/queue", "headers": {...},
"body": "..."}`. An `{n}` in a header becomes an IP made of the number of the request. For each
line, a line on standard output has the mean microseconds of one request:
`{"cpu": 398.1, "wall": 401.5}`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from itertools import count
from typing import Any

NUMBERS = count()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--setup", help="function to call before importing the application")
    parser.add_argument("--before-each", help="function to call before each request, not measured")
    arguments = parser.parse_args()
    if arguments.setup:
        function(arguments.setup)()
    application = import_module(arguments.module).application
    before_each = function(arguments.before_each) if arguments.before_each else None
    for line in sys.stdin:
        print(json.dumps(measure(application, before_each, **json.loads(line))), flush=True)


def function(name: str) -> Callable[[], None]:
    module, _, attribute = name.partition(":")
    found: Callable[[], None] = getattr(import_module(module), attribute)
    return found


def measure(
    application: Any,
    before_each: Callable[[], None] | None,
    *,
    times: int,
    status: int,
    **request: Any,
) -> dict[str, float]:
    cpu = wall = 0
    for _ in range(times):
        environ = wsgi_environ(**request)
        if before_each is not None:
            before_each()
        wall_began, cpu_began = time.perf_counter_ns(), time.process_time_ns()
        actual = call(application, environ)
        cpu += time.process_time_ns() - cpu_began
        wall += time.perf_counter_ns() - wall_began
        if actual != status:
            sys.exit(f"{request['path']} returned {actual} instead of {status}.")
    return {"cpu": cpu / times / 1000, "wall": wall / times / 1000}


def wsgi_environ(method: str, path: str, headers: dict[str, str], body: str = "") -> dict[str, Any]:
    path, _, query = path.partition("?")
    content = body.encode()
    number = next(NUMBERS)
    sent = {
        f"HTTP_{name.upper().replace('-', '_')}": value.replace("{n}", ip(number))
        for name, value in headers.items()
    }
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "CONTENT_TYPE": sent.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(content)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **sent,
    }


def ip(number: int) -> str:
    return f"172.{number >> 16 & 15 | 16}.{number >> 8 & 255}.{number & 255}"


def call(application: Any, environ: dict[str, Any]) -> int:
    """Call the application, read the whole body as a server does, and return the status."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses.append(status)

    body = application(environ, start_response)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    return int(statuses[-1].split()[0])


if __name__ == "__main__":
    main()
