"""Runs OpenOrchestrator's own code, which lives in an environment of its own.

Usage: python openorchestrator.py CONNECTION_STRING < PYTHON_CODE

The code finds `db_util` connected to the database, beside OpenOrchestrator's enums, and leaves
its answer in `answer`, which is printed as JSON.
"""

import json
import sys

from OpenOrchestrator.database import base, db_util
from OpenOrchestrator.database.queues import QueueStatus
from OpenOrchestrator.database.triggers import TriggerStatus

assert db_util.connect(sys.argv[1])
names = {
    "base": base,
    "db_util": db_util,
    "QueueStatus": QueueStatus,
    "TriggerStatus": TriggerStatus,
    "answer": None,
}
exec(sys.stdin.read(), names)
print(json.dumps(names["answer"], default=str))
