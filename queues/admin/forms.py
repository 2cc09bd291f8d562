"""The forms that add and change a queue item."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingForm, PlainTextField
from queueapi.admin.second_save import SecondSaveForm
from queues import queue_statistics
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer

TEXTS = ["data", "reference", "message", "created_by"]
REFERENCE_HELP = _("A text by which robots and people find the item.")
NEW_QUEUE = _("No queue has this name yet: check the spelling, or save again to begin a new queue.")


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class ItemDataForm(SecondSaveForm):
    def clean(self) -> dict[str, Any]:
        """Warn of data that is no JSON, if it looks like JSON or was JSON before."""
        cleaned = super().clean() or self.cleaned_data
        data, before = cleaned.get("data") or "", self.initial.get("data") or ""
        is_expected = data.lstrip()[:1] in ("{", "[") or (data and is_json(before))
        if is_expected and not is_json(data):
            self.warn(
                "data",
                _("This is not valid JSON. Correct it, or save again to keep it as it is."),
                data,
            )
        return cleaned


class NewItemForm(ItemDataForm):
    """Validate with the serializer of `POST /api/queue`."""

    queue_names = staticmethod(queue_statistics.queue_names)  # suggested by the template

    created_date = forms.CharField(
        label=_("Created"),
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"type": "datetime-local", "step": "1"}),
        help_text=_("Empty: now."),
    )

    class Meta:
        model = QueueItem
        fields = ["queue_name", "status", *TEXTS, "created_date"]
        field_classes = dict.fromkeys(["queue_name", *TEXTS], PlainTextField)
        queue_input = forms.TextInput(attrs={"list": "queue-names"})
        widgets = {"queue_name": queue_input, "data": forms.Textarea, "message": forms.Textarea}
        help_texts = {
            "data": _("A text, or JSON; at most 2000 characters."),
            "reference": REFERENCE_HELP,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.validators = []
            field.show_hidden_initial = False  # for edit conflicts only

    def _post_clean(self) -> None:
        """Validate with the serializer instead of the model."""
        serializer = QueueItemSerializer(data=self.cleaned_data)
        if serializer.is_valid():
            self.instance = QueueItem(**serializer.validated_data)
            self.check_queue(self.instance.queue_name)
        for name, errors in serializer.errors.items():
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, list(errors))

    def check_queue(self, name: str) -> None:
        """Warn of a name that no queue has, and of those that are spelled like it."""
        names = self.queue_names()
        if name not in names:
            letters = "".join(name.split()).casefold()
            similar = [each for each in names if "".join(each.split()).casefold() == letters]
            meant = [_('Did you mean "%(name)s"?') % {"name": each} for each in similar]
            self.warn("queue_name", [NEW_QUEUE, *meant], name)


class ItemForm(ItemDataForm, OptimisticLockingForm):
    class Meta:
        field_classes = dict.fromkeys(("data", "reference", "message"), PlainTextField)
        widgets = {
            "data": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
            "reference": forms.Textarea(attrs={"rows": 1}),
            "message": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "status": _("New: robots take it again, and its times are cleared."),
            "reference": REFERENCE_HELP,
        }
