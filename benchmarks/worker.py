"""Calls a WSGI application in its own process, without a socket, and says what it cost.

    python -m benchmarks.worker MODULE

Each line on standard input is a request as JSON, and how often to make it:
`{"times": 300, "status": 201, "method": "POST", "path": "/api/queue", "headers": {...},
"body": "..."}`. An `{n}` in a header is the number of the request. Each is answered by a line with
the microseconds that one took: `{"cpu": 398.1, "wall": 401.5}`.
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
    parser.add_argument("--first", help="called before the application is made")
    parser.add_argument("--before", help="called before each request, not timed")
    arguments = parser.parse_args()
    if arguments.first:
        function(arguments.first)()
    application = import_module(arguments.module).application
    before = function(arguments.before) if arguments.before else None
    for line in sys.stdin:
        print(json.dumps(measure(application, before=before, **json.loads(line))), flush=True)


def function(name: str) -> Callable[[], None]:
    module, _, attribute = name.partition(":")
    found: Callable[[], None] = getattr(import_module(module), attribute)
    return found


def measure(
    application: Any,
    *,
    before: Callable[[], None] | None,
    times: int,
    status: int,
    **request: Any,
) -> dict[str, float]:
    cpu = wall = 0
    for _ in range(times):
        environ = wsgi_environ(**request)
        if before is not None:
            before()
        wall_began, cpu_began = time.perf_counter_ns(), time.process_time_ns()
        answered = call(application, environ)
        cpu += time.process_time_ns() - cpu_began
        wall += time.perf_counter_ns() - wall_began
        if answered != status:
            sys.exit(f"{request['path']} was answered with {answered} instead of {status}.")
    return {"cpu": cpu / times / 1000, "wall": wall / times / 1000}


def wsgi_environ(method: str, path: str, headers: dict[str, str], body: str = "") -> dict[str, Any]:
    content = body.encode()
    number = next(NUMBERS)
    sent = {
        f"HTTP_{name.upper().replace('-', '_')}": value.replace("{n}", address(number))
        for name, value in headers.items()
    }
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
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


def address(number: int) -> str:
    return f"172.{number >> 16 & 15 | 16}.{number >> 8 & 255}.{number & 255}"


def call(application: Any, environ: dict[str, Any]) -> int:
    """The status of the answer, which is read to its end as a server does."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses.append(status)

    answer = application(environ, start_response)
    for _ in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()
    return int(statuses[-1].split()[0])


if __name__ == "__main__":
    main()
