"""Whether ours and the peer do the same: otherwise their times are not to be compared."""

import json
import math
import sys
from http.client import HTTPConnection
from typing import Any

from benchmarks.candidates import OURS, PEER, REMEMBERING_PEER, Candidate
from benchmarks.database import opened
from benchmarks.figures import say
from benchmarks.place import BODY, Place
from benchmarks.processes import Server

RATE = 40  # a day, for each client
ITEM = json.loads(BODY.read_bytes())

CASES: dict[str, Any] = {
    "the contract's example": ITEM,
    "a name alone": {"queue_name": " Queue "},
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
    "a surrogate alone": {"queue_name": "\ud800"},
    "no object": [1, 2],
    "a long name and a space": {"queue_name": "x" * 100 + " "},
    "a time before SQL Server's": {"queue_name": "Queue", "created_date": "1600-01-01"},
    "a time that is 0": {"queue_name": "Queue", "created_date": 0},
    "not a number": {"queue_name": "Queue", "data": [math.nan]},
}

# Without what differs: ids, and the times of those that were given none.
STORED = """
SELECT queue_name, status, data, reference, message, created_by, start_date, end_date,
       CASE WHEN created_date < '2026' THEN datetime(created_date) END
FROM Queues ORDER BY 1, 2, 3, 4, 9
"""


def check(place: Place) -> None:
    """Ends the run if the status of an answer differs, or what is stored."""
    ours = behaviour(place, OURS)
    for candidate in (PEER, REMEMBERING_PEER):
        theirs = behaviour(place, candidate)
        for case, did in ours.items():
            if did != theirs[case]:
                sys.exit(f"{case}: {OURS.name} has {did}, and the {candidate.name} {theirs[case]}.")
        say(f"{OURS.name} and the {candidate.name} agree on {len(ours)} cases.")


def behaviour(place: Place, candidate: Candidate) -> dict[str, Any]:
    database = place.database(f"{candidate.name} agreement")
    with Server(candidate, database, rate=RATE) as server:
        did: dict[str, Any] = {
            case: status(server, place.headers, json.dumps(body)) for case, body in CASES.items()
        }
        did["no JSON"] = status(server, place.headers, "{")
        allowed = 0
        while allowed <= RATE and status(server, place.headers, json.dumps(ITEM)) == 201:
            allowed += 1
        did["requests left of the limit"] = allowed
        wrong = {**place.headers, "X-API-Key": "wrong", "X-Forwarded-For": "203.0.113.7:4711"}
        did["wrong keys, and then the right one"] = [
            *(status(server, wrong, json.dumps(ITEM)) for _ in range(6)),
            status(server, {**wrong, "X-API-Key": place.key}, json.dumps(ITEM)),
        ]
    with opened(database) as connection:
        did["what is stored"] = connection.execute(STORED).fetchall()
    return did


def status(server: Server, headers: dict[str, str], body: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/api/queue", body.encode(), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
