"""Call a WSGI application in this process, without a socket, and measure it.

    python -m benchmarks.worker MODULE

Each line on standard input is a request as JSON, with the number of calls and the expected status:
`{"times": 300, "status": 201, "method": "POST", "path": "/api/queue", "headers": {...},
"body": "..."}`. For each line, a line on standard output has the means of one request.
"""

import json
import sys
import time
from importlib import import_module
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

from benchmarks.figures import CPU, WALL


def main() -> None:
    application = import_module(sys.argv[1]).application
    for line in sys.stdin:
        print(json.dumps(measure(application, **json.loads(line))), flush=True)


def measure(application: Any, *, times: int, status: int, **request: Any) -> dict[str, float]:
    cpu = wall = 0
    for _ in range(times):
        environ = wsgi_environ(**request)
        wall_began, cpu_began = time.perf_counter_ns(), time.process_time_ns()
        actual = call(application, environ)
        cpu += time.process_time_ns() - cpu_began
        wall += time.perf_counter_ns() - wall_began
        if actual != status:
            sys.exit(f"{request['path']} returned {actual} instead of {status}.")
    return {CPU: cpu / times / 1000, WALL: wall / times / 1000}


def wsgi_environ(method: str, path: str, headers: dict[str, str], body: str = "") -> dict[str, Any]:
    path, _, query = path.partition("?")
    sent = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": sent.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(body.encode())),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body.encode()),
        "wsgi.errors": sys.stderr,
        **sent,
    }
    setup_testing_defaults(environ)
    return environ


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
