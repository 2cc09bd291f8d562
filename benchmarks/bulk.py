"""Measure items per second: one in each request, and many in one request."""

import json
import sys
import time
from http.client import HTTPConnection

from benchmarks.candidates import OURS
from benchmarks.comparison import Effort
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server
from benchmarks.workspace import BODY, Workspace

ITEMS = 1000
BULKS = 8  # of one round, so that it stores about as many items as single posts do
SINGLE, BULK = "POST /api/queue", f"POST /api/queue/bulk, {ITEMS} items"


def bulk(workspace: Workspace, effort: Effort) -> Figures:
    """Measure single posts on 32 connections, and bulks on one.

    All items are the contract's example. Each round begins with an empty table.
    """
    figures = Figures()
    for number, name in in_turn([SINGLE, BULK], effort.rounds):
        database = workspace.database(f"bulk {number} {name == BULK}")
        with Server(OURS, database) as server:
            measure_at_fixed_rate(server, [workspace.headers], seconds=0.5)
            if name == SINGLE:
                items = measure_throughput(server, workspace, effort.seconds).rate
            else:
                post_bulks(server, workspace, 1)
                items = post_bulks(server, workspace, BULKS)
        figures.add(name, items=items)
        say(f"Bulk, round {number} of {effort.rounds}: {name}, {items:,.0f} items/s")
    return figures


def post_bulks(server: Server, workspace: Workspace, bulks: int) -> float:
    """Post bulks, one after the other; return the items per second."""
    body = json.dumps({"items": [json.loads(BODY.read_bytes())] * ITEMS}).encode()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    for _ in range(bulks):
        connection.request("POST", "/api/queue/bulk", body, workspace.headers)
        response = connection.getresponse()
        stored = json.load(response).get("ids", [])
        if len(stored) != ITEMS:
            sys.exit(f"A bulk returned {response.status} and {len(stored)} ids.")
    seconds = time.perf_counter() - began
    connection.close()
    return bulks * ITEMS / seconds
