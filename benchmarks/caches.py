"""Measure pushes that are counted in local memory, and in Redis."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.candidates import OURS
from benchmarks.comparison import in_process
from benchmarks.effort import Effort
from benchmarks.figures import Figures
from benchmarks.processes import Worker
from benchmarks.workspace import Workspace

LOCAL, REDIS = "counters in local memory", "counters in Redis"


def caches(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    with (
        redis() as url,
        Worker(OURS, workspace.database("local memory")) as local,
        Worker(OURS, workspace.database("Redis"), {"CACHE_URL": url}) as remote,
    ):
        in_process({LOCAL: local, REDIS: remote}, effort, figures)
    return figures


@contextmanager
def redis() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if not any("Ready to accept connections" in line for line in process.stdout or ()):
                sys.exit("redis-server did not start.")
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
