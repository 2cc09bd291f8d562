"""Ours, the peer, a minimal Django view and bare Waitress, in turn."""

import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.candidates import Candidate
from benchmarks.database import count_items
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import as_much_as_it_takes, steadily
from benchmarks.place import Place
from benchmarks.processes import Server, Worker


@dataclass(frozen=True)
class Effort:
    """How much of it makes one round."""

    rounds: int
    calls: int  # in process
    seconds: int  # of as much as it takes
    steady_seconds: float


def compare(place: Place, candidates: list[Candidate], effort: Effort) -> Figures:
    figures = Figures()
    in_process(place, candidates, effort, figures)
    served(place, candidates, effort, figures)
    return figures


def in_process(place: Place, candidates: list[Candidate], effort: Effort, figures: Figures) -> None:
    with ExitStack() as stack:
        workers = {
            candidate: stack.enter_context(
                Worker(candidate, place.database(f"{candidate.name} in process"))
            )
            for candidate in candidates
        }
        for worker in workers.values():
            worker.measure(place.push, times=effort.calls)  # to be warm
        for number, candidate in in_turn(candidates, effort.rounds):
            cost = workers[candidate].measure(place.push, times=effort.calls)
            figures.add(candidate.name, **cost)
            say(
                f"In process, round {number} of {effort.rounds}: "
                f"{candidate.name}, {cost['cpu']:.0f} µs"
            )


def served(place: Place, candidates: list[Candidate], effort: Effort, figures: Figures) -> None:
    answered: Counter[str] = Counter()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(candidate, place.database(candidate.name)))
            for candidate in candidates
        ]
        for server in servers:
            answered[server.candidate.name] += steadily(server, place, seconds=0.5).requests
        for number, server in in_turn(servers, effort.rounds):
            load = as_much_as_it_takes(server, place, effort.seconds)
            steady = steadily(server, place, effort.steady_seconds)
            name = server.candidate.name
            answered[name] += load.requests + steady.requests
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
        if server.candidate.stores and count_items(server.database) < answered[name]:
            sys.exit(f"{name} answered {answered[name]} times and stored fewer items.")
