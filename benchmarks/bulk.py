"""Measure items per second: one in each request, and many in one request."""

import json
import sys
from contextlib import ExitStack

from benchmarks.candidates import OURS
from benchmarks.comparison import Effort
from benchmarks.database import count_items
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server
from benchmarks.workspace import BODY, Workspace

ITEMS = 1000
SINGLE, BULK = "POST /api/queue", f"POST /api/queue/bulk, {ITEMS} items"


def bulk(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    body = workspace.folder / "bulk.json"
    body.write_text(json.dumps({"items": [json.loads(BODY.read_bytes())] * ITEMS}))
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(OURS, workspace.database(name.replace("/", " "))))
            for name in (SINGLE, BULK)
        }
        for server in servers.values():
            measure_at_fixed_rate(server, workspace, seconds=0.5)
        for number, (name, server) in in_turn(list(servers.items()), effort.rounds):
            if name == SINGLE:
                items = measure_throughput(server, workspace, effort.seconds).rate
            else:
                # Few connections, since a request that is unfinished in the end does not count.
                load = measure_throughput(
                    server,
                    workspace,
                    effort.seconds,
                    path="/api/queue/bulk",
                    body=body,
                    connections=2,
                )
                items = load.rate * ITEMS
                if count_items(server.database) < load.requests * ITEMS:
                    sys.exit("Bulks were confirmed whose items are not stored.")
            figures.add(name, items=items)
            say(f"Bulk, round {number} of {effort.rounds}: {name}, {items:,.0f} items/s")
    return figures
