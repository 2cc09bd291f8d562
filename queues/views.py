from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.exceptions import NotAllowed
from queueapi.api.viewsets import ClientViewSet, Limit
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer
from security.authentication import get_client


class QueueItemViewSet(ClientViewSet):
    """`POST /api/queue`: put an item on a queue."""

    http_method_names = ["post"]
    limits = {"create": Limit("queue", settings.RATE_QUEUE, "may_push")}
    serializer = QueueItemSerializer()

    def create(self, request: Request) -> Response:
        validated = self.serializer.run_validation(request.data)
        if not get_client(request).may_use_queue(validated["queue_name"]):
            raise NotAllowed(f"use the queue {validated['queue_name']!r}")
        item = QueueItem.objects.push(**validated)
        return Response({"success": True, "id": str(item.pk)}, status.HTTP_201_CREATED)
