"""The forms that add and change a queue item."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingForm, PlainTextField
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer

Status = QueueItem.Status


class NewItemForm(forms.ModelForm):
    """Takes what `POST /api/queue` takes, by the same serializer."""

    queue_name = PlainTextField(label=_("Queue"), widget=forms.TextInput)
    status = forms.ChoiceField(label=_("Status"), choices=Status.choices, initial=Status.NEW)
    data = PlainTextField(  # type: ignore[assignment]  # Django takes it out of the class again
        label=_("Data"),
        required=False,
        widget=forms.Textarea,
        help_text=_("A text, or JSON; at most 2000 characters."),
    )
    reference = PlainTextField(
        label=_("Reference"),
        required=False,
        widget=forms.TextInput,
        help_text=_("A text by which robots and people find the item."),
    )
    message = PlainTextField(label=_("Message"), required=False, widget=forms.Textarea)
    created_by = PlainTextField(label=_("Created by"), required=False, widget=forms.TextInput)
    created_date = forms.CharField(
        label=_("Created"),
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"type": "datetime-local", "step": "1"}),
        help_text=_("Empty: now."),
    )

    class Meta:
        model = QueueItem
        fields = [
            *("queue_name", "status", "data", "reference", "message"),
            *("created_by", "created_date"),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        self.serializer = QueueItemSerializer(data=cleaned)
        if not self.serializer.is_valid():
            for name, errors in self.serializer.errors.items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, list(errors))
        return cleaned

    def _post_clean(self) -> None:
        """No second opinion: the model's own checks are not those of the API."""

    def save(self, commit: bool = True) -> QueueItem:
        return QueueItem.objects.push(**self.serializer.validated_data)

    def save_m2m(self) -> None:
        """There are none."""


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
            "reference": _("A text by which robots and people find the item."),
        }
