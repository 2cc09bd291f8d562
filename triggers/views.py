from functools import partial

from django.conf import settings
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import CharField, ChoiceField
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.exceptions import Conflict, NotAllowed
from queueapi.api.limits import READ, Limit
from queueapi.api.viewsets import ClientViewSet
from security.authentication import get_client
from security.idempotency import get_key, run_once
from triggers.models import SingleTrigger, Trigger
from triggers.models.triggers import NO_SINGLE, SEVERAL_SINGLE
from triggers.serializers import (
    SingleTriggerSerializer,
    TriggerNameSerializer,
    TriggerStatusSerializer,
)


def several(error: object) -> ValidationError:
    return ValidationError({"trigger_name": [str(error)]})


def conflict(error: Trigger.StatusConflictError) -> Conflict:
    return Conflict(str(error), current_status=error.current)


class TriggerViewSet(ClientViewSet):
    """`/api/trigger`: set the status of the only SINGLE trigger with a name, or read them."""

    http_method_names = ["get", "head", "post"]
    limits = {"set_status": Limit("trigger", settings.RATE_TRIGGER, "may_trigger"), "list": READ}
    serializers = {"set_status": TriggerStatusSerializer(), "list": TriggerNameSerializer()}
    outputs = {
        "set_status": {
            "trigger_name": CharField(),
            "new_status": ChoiceField(Trigger.Status.choices),
        },
        "list": {"triggers": SingleTriggerSerializer(many=True)},
    }
    errors = {
        "set_status": {
            "Unknown name": NotFound(NO_SINGLE),
            "Several triggers": several(SEVERAL_SINGLE.format(2)),
            "Other status": conflict(Trigger.StatusConflictError("RUNNING")),
        },
        "list": {"Unknown name": NotFound(NO_SINGLE)},
    }

    def set_status(self, request: Request) -> Response:
        """Set the status of a trigger of type SINGLE."""
        validated = self.serializers["set_status"].run_validation(request.data)
        key = get_key(request, "trigger", validated)
        require_trigger(request, validated["trigger_name"])
        # Patterns compare exactly, and the collation of the database may not.
        exactly = bool(get_client(request).triggers)
        return run_once(key, partial(set_status, exactly=exactly, **validated))

    def list(self, request: Request) -> Response:
        """Find the triggers of type SINGLE with a name."""
        name = self.serializers["list"].run_validation(request.query_params.dict())["trigger_name"]
        require_trigger(request, name)
        triggers = SingleTrigger.objects.single(name, exactly=True).order_by("pk")
        if not triggers:
            raise NotFound(NO_SINGLE)
        output = SingleTriggerSerializer(triggers, many=True)
        return Response({"success": True, "triggers": output.data})


def require_trigger(request: Request, name: str) -> None:
    """Raise `NotAllowed` for a trigger outside of the client's limits."""
    if not get_client(request).may_use_trigger(name):
        raise NotAllowed(f"use the trigger {name!r}")


def set_status(
    trigger_name: str, process_status: str, exactly: bool, expected_status: str | None = None
) -> Response:
    try:
        Trigger.objects.set_status(trigger_name, process_status, expected_status, exactly)
    except Trigger.DoesNotExist as error:
        raise NotFound(str(error)) from error
    except Trigger.MultipleObjectsReturned as error:
        raise several(error) from error
    except Trigger.StatusConflictError as error:
        raise conflict(error) from error
    return Response({"success": True, "trigger_name": trigger_name, "new_status": process_status})
