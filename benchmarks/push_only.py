"""A WSGI application that only calls `QueueItem.objects.push()`, which is the INSERT."""

import json
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from benchmarks.workspace import BODY

import_module("queueapi.wsgi")  # sets Django up

from queues.models import QueueItem  # noqa: E402
from queues.serializers import QueueItemSerializer  # noqa: E402

ITEM = QueueItemSerializer().run_validation(json.loads(BODY.read_bytes()))


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    QueueItem.objects.push(**ITEM)
    start_response("201 Created", [])
    return []
