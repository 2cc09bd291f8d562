"""Compare Queue API, the peers and a minimal Django view, in turn."""

import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks import conformance
from benchmarks.candidates import CANDIDATES
from benchmarks.database import count_items
from benchmarks.effort import Effort
from benchmarks.figures import CPU, WALL, Figures, count_rounds, in_turn
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server, Worker
from benchmarks.workspace import PUSH, Workspace

TURN = 50  # requests in process before the next candidate's

RATE = "throughput at 32 connections (requests/s)"
SERVED_CPU = "CPU of one POST at 32 connections (µs)"
P99 = "p99 at 32 connections (ms)"
STEADY_P99 = "p99 at 50 requests/s (ms)"
MEMORY = "resident memory (MiB)"


def compare(workspace: Workspace, effort: Effort) -> Figures:
    conformance.check(workspace)
    figures = Figures()
    with ExitStack() as stack:
        workers = {
            candidate.name: stack.enter_context(
                Worker(candidate, workspace.database(f"{candidate.name} in process"))
            )
            for candidate in CANDIDATES
        }
        in_process(workers, effort, figures)
    served(workspace, effort, figures)
    return figures


def in_process(workers: Mapping[str, Worker], effort: Effort, figures: Figures) -> None:
    """Measure pushes without a socket: some of each worker in turn, and again."""
    for worker in workers.values():
        worker.measure(PUSH, effort.calls)  # warm up
    for _ in count_rounds("In process", effort.rounds):
        costs = [
            {name: worker.measure(PUSH, TURN) for name, worker in workers.items()}
            for _ in range(effort.calls // TURN)
        ]
        for name in workers:
            middle = {
                figure: median(turn[name][figure] for turn in costs) for figure in (CPU, WALL)
            }
            figures.add(name, middle)


def served(workspace: Workspace, effort: Effort, figures: Figures) -> None:
    confirmed: Counter[str] = Counter()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(candidate, workspace.database(candidate.name)))
            for candidate in CANDIDATES
        ]
        for server in servers:
            confirmed[server.name] += measure_at_fixed_rate(server, seconds=0.5).requests
        for server in in_turn("Served", servers, effort.rounds):
            began = server.cpu_seconds()
            load = measure_throughput(server, effort.seconds)
            cpu = (server.cpu_seconds() - began) / load.requests * 1_000_000
            steady = measure_at_fixed_rate(server, effort.steady_seconds)
            confirmed[server.name] += load.requests + steady.requests
            memory = server.resident_bytes() / 2**20
            figures.add(server.name, {RATE: load.rate, SERVED_CPU: cpu, P99: load.p99})
            figures.add(server.name, {STEADY_P99: steady.p99, MEMORY: memory})
    for server in servers:
        if count_items(server.database) < confirmed[server.name]:
            sys.exit(f"{server.name} confirmed {confirmed[server.name]} items and stored fewer.")
