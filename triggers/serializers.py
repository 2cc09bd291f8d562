"""Input and output of `/api/trigger`."""

from rest_framework import serializers

from queueapi.api.serializer_fields import InputSerializer, TextField, UpperCaseChoiceField
from triggers.models import SingleTrigger, Trigger


class TriggerNameSerializer(InputSerializer):
    trigger_name = TextField(max_length=100)


class TriggerStatusSerializer(TriggerNameSerializer):
    """A trigger, and the status to set."""

    process_status = UpperCaseChoiceField(
        choices=Trigger.Status.choices, default=Trigger.Status.IDLE
    )
    expected_status = UpperCaseChoiceField(choices=Trigger.Status.choices, required=False)


class SingleTriggerSerializer(serializers.ModelSerializer):
    """A trigger, with times in the server's time zone."""

    class Meta:
        model = SingleTrigger
        fields = ["id", "trigger_name", "process_status", "last_run", "next_run"]
        read_only_fields = fields
