"""How the figures change with threads, rows, caches and bans."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.candidates import OURS, PEER, PUSH_ALONE
from benchmarks.comparison import Effort
from benchmarks.database import fill_bans, fill_queues
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import as_much_as_it_takes, steadily
from benchmarks.place import Place
from benchmarks.processes import Server, Worker

THREADS = [1, 2, 4, 8, 16]
BANS = [0, 100_000]

# One address all the time, as of a system that pushes, and one that was never seen before.
KNOWN, NEW = "203.0.113.9", "{n}"


def threads(place: Place, effort: Effort) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        servers = {
            f"{candidate.name}, {number}": stack.enter_context(
                Server(
                    candidate, place.database(f"{candidate.name} {number} threads"), threads=number
                )
            )
            for number in THREADS
            for candidate in (OURS, PEER)
        }
        for server in servers.values():
            steadily(server, place, seconds=0.5)
        for number, (name, server) in in_turn(list(servers.items()), effort.rounds):
            load = as_much_as_it_takes(server, place, effort.seconds)
            figures.add(name, rate=load.rate, p50=load.p50, p99=load.p99)
            say(f"Threads, round {number} of {effort.rounds}: {name}, {load.rate:.0f}/s")
    return figures


def rows(place: Place, effort: Effort, sizes: Sequence[int]) -> Figures:
    """Pushes, and two pages of the admin: as they are counted, and as they are remembered."""
    figures = Figures()
    place.sign_in()
    pages = {
        "front page": page(place, "/admin/"),
        "item list": page(place, "/admin/queues/queueitem/"),
    }
    with ExitStack() as stack:
        workers: dict[int, tuple[Worker, Worker, Worker]] = {}
        # The largest first, as its filling could push the others out of the system's page cache.
        for size in sorted(sizes, reverse=True):
            say(f"Rows: filling a table with {size:,}")
            database = place.database(f"{size} rows")
            fill_queues(database, size)
            workers[size] = (
                stack.enter_context(Worker(OURS, database)),
                stack.enter_context(
                    Worker(OURS, database, before="queues.queue_statistics:invalidate")
                ),
                stack.enter_context(Worker(PUSH_ALONE, database)),
            )
        for size, (worker, forgetful, push_alone) in sorted(workers.items()):
            say(f"Rows: warming up at {size:,}")
            worker.measure(place.push, effort.calls)
            push_alone.measure(place.push, effort.calls)
            for request in pages.values():
                worker.measure(request, 3)
                forgetful.measure(request, 1)
        for number, (size, started) in in_turn(sorted(workers.items()), effort.rounds):
            worker, forgetful, push_alone = started
            push = worker.measure(place.push, effort.calls)
            insert = push_alone.measure(place.push, effort.calls)["wall"]
            figures.add(f"{size}", **push, insert=insert)
            for name, request in pages.items():
                worker.measure(request, 1)  # counts, if it forgot meanwhile
                remembered, counted = worker.measure(request, 3), forgetful.measure(request, 1)
                figures.add(
                    f"{size}",
                    **{
                        f"{name}, remembered": remembered["wall"] / 1000,
                        f"{name}, counted": counted["wall"] / 1000,
                    },
                )
            say(f"Rows, round {number} of {effort.rounds}: {size:,}, push {push['wall']:.0f} µs")
    return figures


def page(place: Place, path: str) -> dict[str, Any]:
    headers = {**place.headers, "Cookie": f"sessionid={place.session}"}
    return {"method": "GET", "path": path, "headers": headers, "status": 200}


def caches(place: Place, effort: Effort) -> Figures:
    figures = Figures()
    if shutil.which("redis-server") is None:
        say("Caches: there is no redis-server, so they are left out.")
        return figures
    with ExitStack() as stack:
        url = stack.enter_context(redis())
        environments: dict[str, dict[str, str]] = {"local memory": {}, "Redis": {"CACHE_URL": url}}
        started = {
            name: (
                stack.enter_context(Worker(OURS, place.database(f"{name} in process"), more)),
                stack.enter_context(Server(OURS, place.database(name), more)),
            )
            for name, more in environments.items()
        }
        for worker, server in started.values():
            worker.measure(place.push, effort.calls)
            steadily(server, place, seconds=0.5)
        for number, (name, (worker, server)) in in_turn(list(started.items()), effort.rounds):
            cost = worker.measure(place.push, effort.calls)
            load = as_much_as_it_takes(server, place, effort.seconds)
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


def bans(place: Place, effort: Effort) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        workers = {}
        for number in BANS:
            database: Path = place.database(f"{number} bans")
            fill_bans(database, number)
            workers[number] = stack.enter_context(Worker(OURS, database))
        requests = {
            "a known address": with_address(place, KNOWN),
            "a new address each time": with_address(place, NEW),
        }
        for worker in workers.values():
            for request in requests.values():
                worker.measure(request, effort.calls)
        for number, (size, worker) in in_turn(list(workers.items()), effort.rounds):
            for name, request in requests.items():
                cost = worker.measure(request, effort.calls)
                figures.add(f"{size:,} bans, {name}", **cost)
                say(
                    f"Bans, round {number} of {effort.rounds}: {size:,}, {name}, "
                    f"{cost['cpu']:.0f} µs"
                )
    return figures


def with_address(place: Place, address: str) -> dict[str, Any]:
    return {**place.push, "headers": {**place.headers, "X-Forwarded-For": address}}
