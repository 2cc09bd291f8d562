"""Measure items per second: one in each request, and many in one request."""

import json
import sys
import time
from http.client import HTTPConnection

from benchmarks.candidates import OURS
from benchmarks.effort import Effort
from benchmarks.figures import Figures, in_turn
from benchmarks.load import measure_at_fixed_rate, measure_throughput
from benchmarks.processes import Server
from benchmarks.workspace import BODY, Workspace, headers

ITEMS = 1000
BULKS = 8  # of one round, so that it stores about as many items as single posts do
SINGLE, BULK = "POST /api/queue", f"POST /api/queue/bulk, {ITEMS} items"
ITEM_RATE = "items/s"


def bulk(workspace: Workspace, effort: Effort) -> Figures:
    """Measure single posts on 32 connections, and bulks on one.

    All items are the contract's example. Each round begins with an empty table.
    """
    figures = Figures()
    for name in in_turn("Bulk", [SINGLE, BULK], effort.rounds):
        with Server(OURS, workspace.database(f"bulk {name == BULK}")) as server:
            measure_at_fixed_rate(server, seconds=0.5)
            if name == SINGLE:
                items = measure_throughput(server, effort.seconds).rate
            else:
                post_bulks(server, 1)
                items = post_bulks(server, BULKS)
        figures.add(name, {ITEM_RATE: items})
    return figures


def post_bulks(server: Server, bulks: int) -> float:
    """Post bulks, one after the other; return the items per second."""
    body = json.dumps({"items": [json.loads(BODY)] * ITEMS}).encode()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    for _ in range(bulks):
        connection.request("POST", "/api/queue/bulk", body, headers())
        response = connection.getresponse()
        stored = json.load(response).get("ids", [])
        if len(stored) != ITEMS:
            sys.exit(f"A bulk returned {response.status} and {len(stored)} ids.")
    seconds = time.perf_counter() - began
    connection.close()
    return bulks * ITEMS / seconds
