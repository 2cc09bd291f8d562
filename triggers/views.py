from django.conf import settings
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.exceptions import Conflict, NotAllowed
from queueapi.api.viewsets import ClientViewSet, Limit
from security.authentication import get_client
from triggers.models import Trigger
from triggers.serializers import TriggerStatusSerializer


class TriggerViewSet(ClientViewSet):
    """`POST /api/trigger`: set the status of the only SINGLE trigger with a name."""

    http_method_names = ["post"]
    limits = {"set_status": Limit("trigger", settings.RATE_TRIGGER, "may_trigger")}
    serializer = TriggerStatusSerializer()

    def set_status(self, request: Request) -> Response:
        validated = self.serializer.run_validation(request.data)
        name, status = validated["trigger_name"], validated["process_status"]
        client = get_client(request)
        if not client.may_use_trigger(name):
            raise NotAllowed(f"use the trigger {name!r}")
        # Patterns compare exactly, and the collation of the database may not.
        exactly = bool(client.triggers)
        try:
            Trigger.objects.set_status(name, status, validated.get("expected_status"), exactly)
        except Trigger.DoesNotExist as error:
            raise NotFound(str(error)) from error
        except Trigger.MultipleObjectsReturned as error:
            raise ValidationError({"trigger_name": [str(error)]}) from error
        except Trigger.StatusConflictError as error:
            raise Conflict(str(error), current_status=error.current) from error
        return Response({"success": True, "trigger_name": name, "new_status": status})
