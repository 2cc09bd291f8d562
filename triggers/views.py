from django.conf import settings
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.viewsets import RateLimitedViewSet
from triggers.models import Trigger
from triggers.serializers import TriggerStatusSerializer


class TriggerViewSet(RateLimitedViewSet):
    """`POST /api/trigger`: set the status of the only SINGLE trigger with a name."""

    http_method_names = ["post"]
    rate = settings.RATE_TRIGGER
    serializer = TriggerStatusSerializer()

    def set_status(self, request: Request) -> Response:
        validated = self.serializer.run_validation(request.data)
        name, status = validated["trigger_name"], validated["process_status"]
        try:
            Trigger.objects.set_status(name, status)
        except Trigger.DoesNotExist as error:
            raise NotFound(str(error)) from error
        except Trigger.MultipleObjectsReturned as error:
            raise ValidationError({"trigger_name": [str(error)]}) from error
        return Response({"success": True, "trigger_name": name, "new_status": status})
