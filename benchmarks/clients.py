"""Measure the CPU of a push at a low, fixed rate: of 100 clients in turn, and of one of them."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat

from benchmarks.candidates import HARD_PEER, OURS, Candidate
from benchmarks.conformance import status
from benchmarks.database import fill_bans
from benchmarks.effort import Effort
from benchmarks.figures import Figures, count_rounds
from benchmarks.load import measure_at_fixed_rate
from benchmarks.processes import Server
from benchmarks.workspace import BODY, KEYS, Workspace, headers

PERIOD = 5  # seconds between two pushes of a client
PER_SECOND = len(KEYS) // PERIOD
PUSH_CPU = f"CPU of a push at {PER_SECOND} a second (µs)"
MANY, ONE = "100 clients every 5 s", "one client at the same rate"


def subject(candidate: Candidate, senders: str, bans: int = 0) -> str:
    return f"{candidate.name}, {senders}, {bans:,} bans"


@dataclass
class Pusher:
    """Push to a server at a low, fixed rate."""

    server: Server
    bans: int
    senders: Sequence[dict[str, str]]  # the headers of each

    def check_bans(self) -> None:
        """Exit if a banned client IP is not blocked."""
        found = status(self.server, BODY, {"X-Forwarded-For": "10.0.0.0"})
        if found != (403 if self.bans else 201):
            sys.exit(f"{self.server.name} returned {found} with {self.bans:,} bans.")

    def push_cpu(self, periods: int) -> float:
        """Return the CPU of a push, in microseconds, including background work of the process."""
        began = self.server.cpu_seconds()
        load = measure_at_fixed_rate(self.server, PERIOD * periods, PER_SECOND, self.senders)
        return (self.server.cpu_seconds() - began) / load.requests * 1_000_000


def clients(workspace: Workspace, effort: Effort) -> Figures:
    """Measure the hard peer, which has one key for all, and Queue API by number of active bans.

    All servers run at the same time, since each is idle for most of it, so that the machine is as
    fast for each.
    """
    figures = Figures()
    pushers = {}
    subjects = [(HARD_PEER, 0), *((OURS, bans) for bans in effort.bans)]
    # If this is interrupted, the servers stop first, and then the threads of the pool fail.
    with ThreadPoolExecutor(2 * len(subjects)) as pool, ExitStack() as stack:
        for candidate, bans in subjects:
            keys = KEYS if candidate == OURS else KEYS[:1] * len(KEYS)
            every = [headers(key, number) for number, key in enumerate(keys)]
            for name, senders in {MANY: every, ONE: every[:1]}.items():
                database = workspace.database(subject(candidate, name, bans))
                fill_bans(database, bans)
                server = stack.enter_context(Server(candidate, database))
                pushers[subject(candidate, name, bans)] = Pusher(server, bans, senders)
        for pusher in pushers.values():
            pusher.check_bans()
        list(pool.map(Pusher.push_cpu, pushers.values(), repeat(1)))  # warm up
        for _ in count_rounds("Clients", effort.rounds):
            cpus = pool.map(Pusher.push_cpu, pushers.values(), repeat(effort.periods))
            for name, cpu in zip(pushers, cpus, strict=True):
                figures.add(name, {PUSH_CPU: cpu})
    return figures
