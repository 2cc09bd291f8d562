"""The forms that add and change a queue item."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingForm, PlainTextField
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer

TEXTS = ["data", "reference", "message", "created_by"]
REFERENCE_HELP = _("A text by which robots and people find the item.")


class NewItemForm(forms.ModelForm):
    """Validate with the serializer of `POST /api/queue`."""

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
        widgets = {"data": forms.Textarea, "message": forms.Textarea}
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
        for name, errors in serializer.errors.items():
            if name not in self.errors:
                self.add_error(name if name in self.fields else None, list(errors))


class ItemForm(OptimisticLockingForm):
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
