"""Input and output of `/api/trigger`."""

from rest_framework import serializers

from queueapi.api.serializer_fields import InputSerializer, TextField, UpperCaseChoiceField
from triggers.models import SingleTrigger, Trigger


class TriggerNameSerializer(InputSerializer):
    trigger_name = TextField(max_length=100)


class TriggerStatusSerializer(TriggerNameSerializer):
    process_status = UpperCaseChoiceField(
        choices=Trigger.Status.values, default=Trigger.Status.IDLE
    )
    expected_status = UpperCaseChoiceField(choices=Trigger.Status.values, required=False)


class SingleTriggerSerializer(serializers.ModelSerializer):
    class Meta:
        model = SingleTrigger
        fields = ["id", "trigger_name", "process_status", "last_run", "next_run"]
