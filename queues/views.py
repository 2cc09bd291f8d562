from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.viewsets import RateLimitedViewSet
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer


class QueueItemViewSet(RateLimitedViewSet):
    """`POST /api/queue`: put an item on a queue."""

    http_method_names = ["post"]
    rate = settings.RATE_QUEUE
    serializer = QueueItemSerializer()

    def create(self, request: Request) -> Response:
        item = QueueItem.objects.push(**self.serializer.run_validation(request.data))
        return Response({"success": True, "id": str(item.pk)}, status.HTTP_201_CREATED)
