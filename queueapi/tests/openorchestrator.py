"""Run code of OpenOrchestrator's, in the Python that has it installed.

Usage: python openorchestrator.py CONNECTION_STRING < PYTHON_CODE

The code has `db_util`, connected to the database, and OpenOrchestrator's enums. Its `answer` is
printed as JSON.
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
