import re
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.exceptions import NotAllowed
from queueapi.api.limits import READ, Limit
from queueapi.api.viewsets import ClientViewSet
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer, ReferenceSerializer, StoredItemSerializer
from security.authentication import get_client
from security.idempotency import get_key, run_once

# UUID() would accept braces and dashes anywhere.
ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class QueueItemViewSet(ClientViewSet):
    """`/api/queue`: put an item on a queue, or read one by its id or some by their reference."""

    http_method_names = ["get", "head", "post"]
    limits = {
        "create": Limit("queue", settings.RATE_QUEUE, "may_push"),
        "list": READ,
        "retrieve": READ,
    }
    serializer = QueueItemSerializer()
    reference_serializer = ReferenceSerializer()

    def create(self, request: Request) -> Response:
        validated = self.serializer.run_validation(request.data)
        key = get_key(request, "queue", validated)
        require_queue(request, validated["queue_name"])
        # One id for all tries.
        return run_once(key, partial(push, id=uuid4(), **validated))

    def list(self, request: Request) -> Response:
        wanted = self.reference_serializer.run_validation(request.query_params.dict())
        if "queue_name" in wanted:
            require_queue(request, wanted["queue_name"])
        items, may_be_more = QueueItem.objects.newest_with_reference(
            **wanted, is_allowed=get_client(request).may_use_queue
        )
        body = {"success": True, "items": StoredItemSerializer(items, many=True).data}
        return Response(body | {"truncated": True} if may_be_more else body)

    def retrieve(self, request: Request, pk: str) -> Response:
        item = QueueItem.objects.filter(pk=pk).first() if ID.fullmatch(pk) else None
        if item is None or not get_client(request).may_use_queue(item.queue_name):
            raise NotFound("No item has this id.")
        return Response({"success": True, **StoredItemSerializer(item).data})


def require_queue(request: Request, name: str) -> None:
    """Raise `NotAllowed` for a queue outside of the client's limits."""
    if not get_client(request).may_use_queue(name):
        raise NotAllowed(f"use the queue {name!r}")


def push(**fields: Any) -> Response:
    item = QueueItem.objects.push(**fields)
    return Response({"success": True, "id": str(item.pk)}, status.HTTP_201_CREATED)
