"""The form of a trigger."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from queueapi.admin.edit_conflicts import OptimisticLockingForm, PlainTextField
from queueapi.admin.second_save import SecondSaveForm
from triggers.admin.actions import SET_IDLE, Status
from triggers.models.triggers import parse_machines


class MachinesField(PlainTextField):
    """A JSON list of names, as OpenOrchestrator writes it, shown with one name per line."""

    default_error_messages = {
        "max_length": _("These names need more room than there is: %(limit_value)d characters.")
    }

    def prepare_value(self, value: Any) -> Any:
        # What the user typed, which a refused form shows again, is no JSON.
        is_json = isinstance(value, str) and value.startswith("[")
        return "\n".join(parse_machines(value)) if is_json else value

    def to_python(self, value: Any) -> str | None:
        names = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return json.dumps(names) if names else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class TriggerForm(SecondSaveForm, OptimisticLockingForm):
    class Meta:
        field_classes = {"scheduler_whitelist": MachinesField, "process_args": PlainTextField}
        widgets = {
            "process_args": forms.Textarea(attrs={"rows": 2}),
            "scheduler_whitelist": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "process_name": _("The name under which the robot logs."),
            "process_path": _(
                "A Python file on the robot's machine, or the URL of a Git repository."
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
        present = self.initial.get("process_status", "")
        warning = SET_IDLE.warnings.get(present)
        if warning and cleaned.get("process_status") == Status.IDLE:
            text = _("Nothing was saved yet. %(warning)s To set it idle anyway, save again.")
            self.warn("process_status", text % {"warning": warning}, present)
        return cleaned
