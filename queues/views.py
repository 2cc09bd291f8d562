import re
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.fields import ListField, UUIDField
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.exceptions import NotAllowed
from queueapi.api.limits import READ, Limit
from queueapi.api.serializer_fields import TrueField
from queueapi.api.viewsets import ClientViewSet
from queues.models import QueueItem
from queues.serializers import (
    QueueItemBulkSerializer,
    QueueItemSerializer,
    ReferenceSerializer,
    StoredItemSerializer,
)
from security.authentication import get_client
from security.idempotency import get_key, run_once
from security.throttling import counted_items

NO_ITEM = "No item has this id."
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
    serializers = {"create": QueueItemSerializer(), "list": ReferenceSerializer()}
    outputs = {
        "create": {"id": UUIDField()},
        "list": {
            "items": StoredItemSerializer(many=True),
            "truncated": TrueField(required=False),
        },
        "retrieve": StoredItemSerializer().get_fields(),
    }
    errors = {"retrieve": {"Unknown id": NotFound(NO_ITEM)}}

    def create(self, request: Request) -> Response:
        """Add an item to a queue."""
        validated = self.serializers["create"].run_validation(request.data)
        key = get_key(request, "queue", validated)
        require_queue(request, validated["queue_name"])
        # One id for all tries.
        return run_once(key, partial(push, id=uuid4(), **validated))

    def list(self, request: Request) -> Response:
        """Find the items with a reference, newest first."""
        wanted = self.serializers["list"].run_validation(request.query_params.dict())
        if "queue_name" in wanted:
            require_queue(request, wanted["queue_name"])
        items, may_be_more = QueueItem.objects.newest_with_reference(
            **wanted, is_allowed=get_client(request).may_use_queue
        )
        body = {"success": True, "items": StoredItemSerializer(items, many=True).data}
        return Response(body | {"truncated": True} if may_be_more else body)

    def retrieve(self, request: Request, pk: str) -> Response:
        """Read an item."""
        item = QueueItem.objects.filter(pk=pk).first() if ID.fullmatch(pk) else None
        if item is None or not get_client(request).may_use_queue(item.queue_name):
            raise NotFound(NO_ITEM)
        return Response({"success": True, **StoredItemSerializer(item).data})


class QueueItemBulkViewSet(ClientViewSet):
    """`/api/queue/bulk`: put many items on queues, all or none."""

    http_method_names = ["post"]
    limits = {"create": Limit("bulk", settings.RATE_BULK, "may_push")}
    item_limit = Limit("items", settings.RATE_BULK_ITEMS, "may_push")
    max_bytes = settings.MAX_BULK_BYTES
    serializers = {"create": QueueItemBulkSerializer()}
    outputs = {"create": {"ids": ListField(child=UUIDField())}}

    def create(self, request: Request) -> Response:
        """Add many items to queues, all or none."""
        validated = self.serializers["create"].run_validation(request.data)
        key = get_key(request, "bulk", validated)
        # One id of each item for all tries.
        items = [QueueItem(**fields) for fields in validated["items"]]
        require_queues(request, items)
        with counted_items(request, self.item_limit, len(items)):
            return run_once(key, partial(push_all, items))


def require_queue(request: Request, name: str) -> None:
    """Raise `NotAllowed` for a queue outside of the client's limits."""
    if not get_client(request).may_use_queue(name):
        raise NotAllowed(f"use the queue {name!r}")


def require_queues(request: Request, items: list[QueueItem]) -> None:
    """Raise `NotAllowed` with the positions of items whose queue is outside of the limits."""
    client = get_client(request)
    refused = [
        str(place) for place, item in enumerate(items) if not client.may_use_queue(item.queue_name)
    ]
    if refused:
        more = f" and {len(refused) - 100} more" if len(refused) > 100 else ""
        raise NotAllowed(f"use the queues of these items: {', '.join(refused[:100])}{more}")


def push(**fields: Any) -> Response:
    item = QueueItem.objects.push(**fields)
    return Response({"success": True, "id": str(item.pk)}, status.HTTP_201_CREATED)


def push_all(items: list[QueueItem]) -> Response:
    QueueItem.objects.push_all(items)
    ids = [str(item.pk) for item in items]
    return Response({"success": True, "ids": ids}, status.HTTP_201_CREATED)
