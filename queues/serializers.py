"""Input and output of `/api/queue` and `/api/queue/bulk`."""

import json
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from queueapi.api.serializer_fields import (
    InputSerializer,
    LocalDateTimeField,
    TextField,
    UpperCaseChoiceField,
)
from queues.models import QueueItem


@extend_schema_field({"type": ["string", "object", "array"], "items": {}})
class DataField(TextField):
    """A text, or an object or array, which becomes JSON text before the limits are checked."""

    # json.dumps() would make a new encoder for each item.
    encoder = json.JSONEncoder(ensure_ascii=False)

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, dict | list):
            try:
                data = self.encoder.encode(data)
            except RecursionError as error:
                raise serializers.ValidationError(_("Is nested too deeply.")) from error
        elif data is not empty and not isinstance(data, str):
            raise serializers.ValidationError(_("Must be a text, an object or an array."))
        return super().run_validation(data)


class QueueItemSerializer(InputSerializer):
    """An item to add to a queue."""

    queue_name = TextField(max_length=100, trim_whitespace=True)
    # The default is set here, so that an absent status has the fingerprint of a given one.
    status = UpperCaseChoiceField(choices=QueueItem.Status.choices, default=QueueItem.Status.NEW)
    data = DataField(  # type: ignore[assignment]  # DRF's metaclass removes it
        max_length=2000, allow_blank=True, required=False
    )
    reference = TextField(max_length=100, allow_blank=True, required=False)
    message = TextField(allow_blank=True, required=False)
    created_by = TextField(max_length=100, allow_blank=True, required=False)
    created_date = LocalDateTimeField(required=False)


class QueueItemsField(serializers.ListField):
    min_length: int
    max_length: int
    child = QueueItemSerializer()

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        # Before the items are validated. ListField itself checks the length afterwards.
        if not isinstance(data, list) or not self.min_length <= len(data) <= self.max_length:
            raise serializers.ValidationError(
                f"Must be an array of {self.min_length} to {self.max_length} items."
            )
        items: list[dict[str, Any]] = self.run_child_validation(data)
        return items


class QueueItemBulkSerializer(InputSerializer):
    """Items to add to queues."""

    items = QueueItemsField(min_length=1, max_length=1000)


class ReferenceSerializer(InputSerializer):
    reference = TextField(max_length=100)
    queue_name = TextField(max_length=100, trim_whitespace=True, required=False)


class StoredItemSerializer(serializers.ModelSerializer):
    """An item, with times in the server's time zone."""

    class Meta:
        model = QueueItem
        fields = read_only_fields = [
            *("id", "queue_name", "status", "reference", "data", "message", "created_by"),
            *("created_date", "start_date", "end_date"),
        ]
