"""Compare Queue API, the peers, a minimal Django view and bare Waitress, in turn."""

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.candidates import Candidate
from benchmarks.database import count_items
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server, Worker
from benchmarks.workspace import Workspace


@dataclass(frozen=True)
class Effort:
    """Number of rounds, and the amount of work in one round."""

    rounds: int
    calls: int  # requests in process
    seconds: int  # at maximum throughput
    steady_seconds: float  # at a fixed rate
    clients_seconds: float  # of 100 clients; each pushes once in 5 seconds, and `last_used` is
    # written once a minute


def compare(workspace: Workspace, candidates: list[Candidate], effort: Effort) -> Figures:
    figures = Figures()
    in_process(workspace, candidates, effort, figures)
    served(workspace, candidates, effort, figures)
    return figures


def in_process(
    workspace: Workspace, candidates: list[Candidate], effort: Effort, figures: Figures
) -> None:
    with ExitStack() as stack:
        workers = {
            candidate: stack.enter_context(
                Worker(candidate, workspace.database(f"{candidate.name} in process"))
            )
            for candidate in candidates
        }
        for worker in workers.values():
            worker.measure(workspace.push, times=effort.calls)  # warm up
        for number, candidate in in_turn(candidates, effort.rounds):
            cost = workers[candidate].measure(workspace.push, times=effort.calls)
            figures.add(candidate.name, **cost)
            say(
                f"In process, round {number} of {effort.rounds}: "
                f"{candidate.name}, {cost['cpu']:.0f} µs"
            )


def served(
    workspace: Workspace, candidates: list[Candidate], effort: Effort, figures: Figures
) -> None:
    confirmed: Counter[str] = Counter()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(candidate, workspace.database(candidate.name)))
            for candidate in candidates
        ]
        for server in servers:
            confirmed[server.candidate.name] += measure_at_fixed_rate(
                server, [workspace.headers], seconds=0.5
            ).requests
        for number, server in in_turn(servers, effort.rounds):
            load = measure_throughput(server, workspace, effort.seconds)
            steady = measure_at_fixed_rate(server, [workspace.headers], effort.steady_seconds)
            name = server.candidate.name
            confirmed[name] += load.requests + steady.requests
            figures.add(
                name,
                rate=load.rate,
                p50=load.p50,
                p99=load.p99,
                steady_p50=steady.p50,
                steady_p99=steady.p99,
                memory=server.resident_bytes() / 2**20,
            )
            say(
                f"Served, round {number} of {effort.rounds}: {name}, {load.rate:.0f}/s; "
                f"at 50/s p99 {steady.p99:.1f} ms"
            )
    for server in servers:
        name = server.candidate.name
        if server.candidate.stores and count_items(server.database) < confirmed[name]:
            sys.exit(f"{name} confirmed {confirmed[name]} items and stored fewer.")
