"""Measure the figures by number of threads, and rows, and by cache."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.candidates import OURS, PEER, PUSH_ONLY
from benchmarks.comparison import Effort
from benchmarks.database import fill_queues
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server, Worker
from benchmarks.workspace import Workspace

THREADS = [1, 2, 4, 8, 16]


def threads(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        servers = {
            f"{candidate.name}, {number}": stack.enter_context(
                Server(
                    candidate,
                    workspace.database(f"{candidate.name} {number} threads"),
                    threads=number,
                )
            )
            for number in THREADS
            for candidate in (OURS, PEER)
        }
        for server in servers.values():
            measure_at_fixed_rate(server, [workspace.headers], seconds=0.5)
        for number, (name, server) in in_turn(list(servers.items()), effort.rounds):
            load = measure_throughput(server, workspace, effort.seconds)
            figures.add(name, rate=load.rate, p50=load.p50, p99=load.p99)
            say(f"Threads, round {number} of {effort.rounds}: {name}, {load.rate:.0f}/s")
    return figures


def rows(workspace: Workspace, effort: Effort, sizes: Sequence[int]) -> Figures:
    """Measure pushes, searches by reference, and two pages of the admin.

    The pages are measured with cached counts and with new ones.
    """
    figures = Figures()
    pages = {
        "dashboard": page(workspace, "/admin/"),
        "item list": page(workspace, "/admin/queues/queueitem/"),
    }
    searches = {
        "search for a reference": search(workspace, "reference=Reference-5"),
        "for that of 3 of 10 items": search(workspace, "reference=Batch"),
        "the same, in an empty queue": search(workspace, "reference=Batch&queue_name=Empty"),
    }
    with ExitStack() as stack:
        workers: dict[int, tuple[Worker, Worker, Worker]] = {}
        # The largest first, because filling it could evict the others from the system's page cache.
        for size in sorted(sizes, reverse=True):
            say(f"Rows: filling a table with {size:,}")
            database = workspace.database(f"{size} rows")
            fill_queues(database, size)
            workers[size] = (
                stack.enter_context(Worker(OURS, database)),
                stack.enter_context(
                    Worker(OURS, database, before_each="queues.queue_statistics:invalidate")
                ),
                stack.enter_context(Worker(PUSH_ONLY, database)),
            )
        for size, (worker, uncached, push_only) in sorted(workers.items()):
            say(f"Rows: warming up at {size:,}")
            worker.measure(workspace.push, effort.calls)
            push_only.measure(workspace.push, effort.calls)
            for request in searches.values():
                worker.measure(request, effort.calls)
            for request in pages.values():
                worker.measure(request, 3)
                uncached.measure(request, 1)
        for number, (size, started) in in_turn(sorted(workers.items()), effort.rounds):
            worker, uncached, push_only = started
            push = worker.measure(workspace.push, effort.calls)
            insert = push_only.measure(workspace.push, effort.calls)["wall"]
            figures.add(f"{size}", **push, insert=insert)
            for name, request in searches.items():
                cost = worker.measure(request, effort.calls)
                figures.add(f"{size}", **{f"{name} (ms)": cost["wall"] / 1000})
            for name, request in pages.items():
                worker.measure(request, 1)  # fills the cache if it has expired
                cached, counted = worker.measure(request, 3), uncached.measure(request, 1)
                figures.add(
                    f"{size}",
                    **{
                        f"{name}, cached (ms)": cached["wall"] / 1000,
                        f"{name}, counted (ms)": counted["wall"] / 1000,
                    },
                )
            say(f"Rows, round {number} of {effort.rounds}: {size:,}, push {push['wall']:.0f} µs")
    return figures


def page(workspace: Workspace, path: str) -> dict[str, Any]:
    headers = {**workspace.headers, "Cookie": f"sessionid={workspace.session}"}
    return {"method": "GET", "path": path, "headers": headers, "status": 200}


def search(workspace: Workspace, query: str) -> dict[str, Any]:
    path = f"/api/queue?{query}"
    return {"method": "GET", "path": path, "headers": workspace.headers, "status": 200}


def caches(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    if shutil.which("redis-server") is None:
        say("Caches: skipped, because there is no redis-server.")
        return figures
    with ExitStack() as stack:
        url = stack.enter_context(redis())
        environments: dict[str, dict[str, str]] = {"local memory": {}, "Redis": {"CACHE_URL": url}}
        started = {
            name: (
                stack.enter_context(Worker(OURS, workspace.database(f"{name} in process"), extra)),
                stack.enter_context(Server(OURS, workspace.database(name), extra)),
            )
            for name, extra in environments.items()
        }
        for worker, server in started.values():
            worker.measure(workspace.push, effort.calls)
            measure_at_fixed_rate(server, [workspace.headers], seconds=0.5)
        for number, (name, (worker, server)) in in_turn(list(started.items()), effort.rounds):
            cost = worker.measure(workspace.push, effort.calls)
            load = measure_throughput(server, workspace, effort.seconds)
            figures.add(name, **cost, rate=load.rate, p50=load.p50, p99=load.p99)
            say(f"Caches, round {number} of {effort.rounds}: {name}, {cost['cpu']:.0f} µs")
    return figures


@contextmanager
def redis() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "no"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                sys.exit("redis-server did not start.")
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
