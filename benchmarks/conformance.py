"""Check that Queue API and the peers behave alike; otherwise their times cannot be compared."""

import json
import math
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any

from benchmarks.candidates import HARD_PEER, OURS, PEER, Candidate
from benchmarks.database import execute
from benchmarks.figures import say
from benchmarks.processes import Server
from benchmarks.workspace import BODY, Workspace, headers

RATE = 40  # requests per day and client
ITEM = json.loads(BODY)

CASES: dict[str, Any] = {
    "the contract's example": ITEM,
    "only a name": {"queue_name": " Queue "},
    "nulls": {"queue_name": "Queue", "data": None, "status": None, "created_date": None},
    "an array": {"queue_name": "Queue", "data": ["æ", {"a": 1.5}]},
    "a status in lower case": {"queue_name": "Queue", "status": "done"},
    "a time with an offset": {"queue_name": "Queue", "created_date": "2025-04-26T12:00:00+02:00"},
    "no name": {"data": "text"},
    "a blank name": {"queue_name": "  "},
    "a long name": {"queue_name": "x" * 101},
    "a name that is a number": {"queue_name": 5},
    "no such status": {"queue_name": "Queue", "status": "Finished"},
    "long data": {"queue_name": "Queue", "data": {"x": "x" * 2000}},
    "data that is a number": {"queue_name": "Queue", "data": 1},
    "no such day": {"queue_name": "Queue", "created_date": "2025-02-30"},
    "a lone surrogate": {"queue_name": "\ud800"},
    "not an object": [1, 2],
    "a long name and a space": {"queue_name": "x" * 100 + " "},
    "a time before SQL Server's": {"queue_name": "Queue", "created_date": "1600-01-01"},
    "a number as time": {"queue_name": "Queue", "created_date": 0},
    "NaN": {"queue_name": "Queue", "data": [math.nan]},
}

# Without the columns that differ: ids, and creation times that the server chose.
STORED = """
SELECT queue_name, status, data, reference, message, created_by, start_date, end_date,
       CASE WHEN created_date < '2026' THEN datetime(created_date) END
FROM Queues ORDER BY 1, 2, 3, 4, 9
"""


def check(workspace: Workspace) -> None:
    """Exit if a response status or a stored row differs."""
    expected = outcomes(workspace, OURS)
    for candidate in (PEER, HARD_PEER):
        actual = outcomes(workspace, candidate)
        for case, outcome in expected.items():
            if outcome != (other := actual[case]):
                sys.exit(f"{case}: {outcome} with {OURS.name}, {other} with {candidate.name}.")
        say(f"{OURS.name} and {candidate.name} behave alike in {len(expected)} cases.")


def outcomes(workspace: Workspace, candidate: Candidate) -> dict[str, Any]:
    """Return the response status of each case, and the rows stored in the end."""
    database = workspace.database(f"{candidate.name} conformance")
    valid = json.dumps(ITEM)
    with Server(candidate, database, rate=RATE) as server:
        found: dict[str, Any] = {case: status(server, json.dumps(CASES[case])) for case in CASES}
        found["not JSON"] = status(server, "{")
        allowed = 0
        while allowed <= RATE and status(server, valid) == 201:
            allowed += 1
        found["requests before the rate limit"] = allowed
        other_ip = {"X-Forwarded-For": "203.0.113.7:4711"}
        found["wrong keys, then the right one"] = [
            *(status(server, valid, {**other_ip, "X-API-Key": "wrong"}) for _ in range(6)),
            status(server, valid, other_ip),
        ]
        # 429, because the limit is that of the key, and not the 403 of a ban.
        found["a third client IP"] = status(server, valid, {"X-Forwarded-For": "203.0.113.8"})
    found["stored rows"] = execute(database, STORED)
    return found


def status(server: Server, body: str, changed: Mapping[str, str] | None = None) -> int:
    """Post `body`, with these headers changed; return the response status."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/api/queue", body.encode(), {**headers(), **(changed or {})})
    with connection.getresponse() as response:
        connection.close()
        return response.status
