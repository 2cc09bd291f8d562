"""Check that Queue API and the peers behave alike; otherwise their times cannot be compared."""

import json
import math
import sys
from http.client import HTTPConnection
from typing import Any

from benchmarks.candidates import HARD_PEER, OURS, PEER, Candidate
from benchmarks.database import opened
from benchmarks.figures import say
from benchmarks.processes import Server
from benchmarks.workspace import BODY, KEYS, Workspace, headers

RATE = 40  # requests per day and client
ITEM = json.loads(BODY.read_bytes())

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
            if outcome != actual[case]:
                sys.exit(
                    f"{case}: {outcome} with {OURS.name}, {actual[case]} with {candidate.name}."
                )
        say(f"{OURS.name} and {candidate.name} behave alike in {len(expected)} cases.")


def outcomes(workspace: Workspace, candidate: Candidate) -> dict[str, Any]:
    """Return the response status of each case, and the rows stored in the end."""
    database = workspace.database(f"{candidate.name} conformance")
    with Server(candidate, database, rate=RATE) as server:
        found: dict[str, Any] = {
            case: status(server, workspace.headers, json.dumps(body))
            for case, body in CASES.items()
        }
        found["not JSON"] = status(server, workspace.headers, "{")
        allowed = 0
        while allowed <= RATE and status(server, workspace.headers, json.dumps(ITEM)) == 201:
            allowed += 1
        found["requests before the rate limit"] = allowed
        wrong = {**workspace.headers, "X-API-Key": "wrong", "X-Forwarded-For": "203.0.113.7:4711"}
        found["wrong keys, then the right one"] = [
            *(status(server, wrong, json.dumps(ITEM)) for _ in range(6)),
            status(server, {**wrong, "X-API-Key": KEYS[0]}, json.dumps(ITEM)),
        ]
        # 429, since the key is beyond its rate, and not the 403 of a ban.
        found["another client IP meanwhile"] = status(
            server, headers(KEYS[0], client=9), json.dumps(ITEM)
        )
    with opened(database) as connection:
        found["stored rows"] = connection.execute(STORED).fetchall()
    return found


def status(server: Server, headers: dict[str, str], body: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/api/queue", body.encode(), headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status
