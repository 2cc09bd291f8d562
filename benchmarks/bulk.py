"""Measure items per second: one in each request, and many in one request."""

import json
import sys
import time
from contextlib import ExitStack
from http.client import HTTPConnection

from benchmarks.candidates import OURS
from benchmarks.comparison import Effort
from benchmarks.figures import Figures, in_turn, say
from benchmarks.load import measure_throughput
from benchmarks.processes import Server
from benchmarks.workspace import BODY, Workspace

ITEMS = 1000
BULKS = 8  # of one round, so that both tables grow alike
SINGLE, BULK = "POST /api/queue", f"POST /api/queue/bulk, {ITEMS} items"


def bulk(workspace: Workspace, effort: Effort) -> Figures:
    """Measure single posts on 32 connections, and bulks on one.

    All items are the contract's example. Each server has its own database.
    """
    figures = Figures()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(OURS, workspace.database(name.replace("/", " "))))
            for name in (SINGLE, BULK)
        }
        measure_throughput(servers[SINGLE], workspace, seconds=1)  # warm up
        post_bulks(servers[BULK], workspace)
        for number, (name, server) in in_turn(list(servers.items()), effort.rounds):
            if name == SINGLE:
                items = measure_throughput(server, workspace, effort.seconds).rate
            else:
                items = post_bulks(server, workspace)
            figures.add(name, items=items)
            say(f"Bulk, round {number} of {effort.rounds}: {name}, {items:,.0f} items/s")
    return figures


def post_bulks(server: Server, workspace: Workspace) -> float:
    """Post bulks, one after the other; return the items per second."""
    body = json.dumps({"items": [json.loads(BODY.read_bytes())] * ITEMS}).encode()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    for _ in range(BULKS):
        connection.request("POST", "/api/queue/bulk", body, workspace.headers)
        response = connection.getresponse()
        stored = json.load(response).get("ids", [])
        if len(stored) != ITEMS:
            sys.exit(f"A bulk returned {response.status} and {len(stored)} ids.")
    seconds = time.perf_counter() - began
    connection.close()
    return BULKS * ITEMS / seconds
