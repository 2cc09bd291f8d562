"""Validation of `POST /api/trigger`."""

from queueapi.api.serializer_fields import InputSerializer, TextField, UpperCaseChoiceField
from triggers.models import Trigger


class TriggerStatusSerializer(InputSerializer):
    trigger_name = TextField(max_length=100)
    process_status = UpperCaseChoiceField(
        choices=Trigger.Status.values, default=Trigger.Status.IDLE
    )
    expected_status = UpperCaseChoiceField(choices=Trigger.Status.values, required=False)
