from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from queues.serializers import QueueItemSerializer
from security.viewsets import RateLimitedViewSet


class QueueItemViewSet(RateLimitedViewSet):
    """`POST /api/queue` puts an item on a queue."""

    http_method_names = ["post"]
    rate = settings.RATE_QUEUE
    serializer_class = QueueItemSerializer

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data, status=status.HTTP_201_CREATED)
