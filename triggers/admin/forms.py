"""The form of a trigger."""

import json
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingForm, PlainTextField
from triggers.admin.actions import STILL_RUNS
from triggers.models import Trigger, parse_machines

Status = Trigger.Status


class MachinesField(forms.CharField):
    """A JSON list of names, as OpenOrchestrator writes it, shown with a name on each line."""

    def __init__(self, **kwargs: Any) -> None:
        longest = kwargs.pop("max_length", None)
        super().__init__(**kwargs)
        if longest:  # that of the JSON text
            text = _("These names need more room than there is: %(limit_value)d characters.")
            self.validators.append(MaxLengthValidator(longest, text))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(parse_machines(value)) if is_json(value) else value

    def to_python(self, value: Any) -> str | None:
        names = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return json.dumps(names) if names else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


def is_json(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[")


class TriggerForm(OptimisticLockingForm):
    # The status for which the question was asked, once it was.
    sure = forms.CharField(required=False, label="", widget=forms.HiddenInput)

    class Meta:
        field_classes = {"scheduler_whitelist": MachinesField, "process_args": PlainTextField}
        widgets = {
            "process_args": forms.Textarea(attrs={"rows": 2}),
            "scheduler_whitelist": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "process_name": _("The name under which the robot logs."),
            "process_path": _(
                "A Python file on the robot's machine, or the address of a Git repository."
            ),
            "process_args": _("A text that the robot is given at its start."),
            "git_branch": _("Or a tag. Empty: the repository's main branch."),
            "is_blocking": _("Starts only on a machine that runs nothing else."),
            "scheduler_whitelist": _("The machines that may run it, one a line. Empty: any."),
            "priority": _("Of several that are due, the one with the highest starts first."),
            "cron_expr": _(
                "Minute, hour, day of the month, month, day of the week. "
                "A new one sets the next run too."
            ),
            "min_batch_size": _("It starts when at least so many items of the queue are new."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        becomes_idle = (
            "process_status" in self.changed_data and cleaned.get("process_status") == Status.IDLE
        )
        present = self.initial.get("process_status")
        if becomes_idle and present in Trigger.RUNNING_STATUSES and cleaned.get("sure") != present:
            text = _("Nothing was saved yet. %(why)s Save again to do it all the same.")
            self.add_error("process_status", text % {"why": STILL_RUNS})
            self.data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
            self.data["sure"] = present  # type: ignore[index]
        return cleaned
