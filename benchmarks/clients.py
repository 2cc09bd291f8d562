"""Measure the CPU of a push at a low, fixed rate: of 100 clients in turn, and of one of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.candidates import HARD_PEER, OURS
from benchmarks.comparison import Effort
from benchmarks.database import fill_bans
from benchmarks.figures import Figures, say
from benchmarks.load import measure_at_fixed_rate
from benchmarks.processes import Server
from benchmarks.workspace import KEYS, Workspace, headers

RATE = 20  # requests per second, so that each of the 100 clients pushes every 5 seconds
PERIOD = len(KEYS) / RATE
MANY, ONE = "100 clients every 5 s", "one client at the same rate"


def clients(workspace: Workspace, effort: Effort, bans: Sequence[int]) -> Figures:
    """Measure Queue API by number of active bans, and the hard peer.

    All servers run at the same time, since each is idle for most of it, so that the machine is as
    fast for each. The CPU is that of the whole process, with its work between two requests.
    """
    figures = Figures()
    servers: dict[tuple[str, str], Server] = {}
    with ExitStack() as stack:
        for candidate, number in [(HARD_PEER, 0), *((OURS, number) for number in bans)]:
            subject = candidate.name + (f", {number:,} bans" if candidate.is_ours else "")
            for senders in (MANY, ONE):
                database = workspace.database(f"{subject} {senders}")
                fill_bans(database, number)
                server = stack.enter_context(Server(candidate, database))
                servers[subject, senders] = server

        def push(measured: tuple[str, str], seconds: float) -> float:
            """Return the CPU of a push, in microseconds."""
            (_, senders), server = measured, servers[measured]
            # The hard peer knows one key only.
            keys = KEYS if server.candidate.is_ours else KEYS[:1] * len(KEYS)
            callers = [headers(key, number) for number, key in enumerate(keys)]
            began = server.cpu_seconds()
            load = measure_at_fixed_rate(
                server, callers if senders == MANY else callers[:1], seconds, RATE
            )
            return (server.cpu_seconds() - began) / load.requests * 1_000_000

        with ThreadPoolExecutor(len(servers)) as pool:

            def push_to_all(seconds: float) -> list[float]:
                return list(pool.map(lambda measured: push(measured, seconds), servers))

            push_to_all(PERIOD)  # warm up: each client once
            for number in range(effort.rounds):
                for (subject, senders), cpu in zip(
                    servers, push_to_all(effort.clients_seconds), strict=True
                ):
                    figures.add(subject, **{senders: cpu})
                say(f"Clients, round {number + 1} of {effort.rounds}")
    return figures
