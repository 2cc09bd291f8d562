"""The admin actions of triggers, which mean the same as in OpenOrchestrator."""

from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from triggers.models import Trigger

Status = Trigger.Status

PAUSE = Action(
    name="pause",
    label=_("Pause"),
    explanation=_(
        "The scheduler does not start them any more. Those that are running run to their end, and "
        "are Pausing until then."
    ),
    method="pause",
    excluded_statuses=[Status.PAUSED],
    warnings={
        Status.KILLING: _("Those that are being killed will not be killed any more."),
        Status.PAUSING: _("Those that are pausing still run, although they will look paused."),
    },
)
RESUME = Action(
    name="resume",
    label=_("Resume"),
    explanation=_(
        "Paused ones become Idle, and the scheduler starts them when they are due. Pausing ones "
        "still run, and become Running."
    ),
    method="resume",
    allowed_statuses=[Status.PAUSED, Status.PAUSING],
)
SET_IDLE = Action(
    name="set_idle",
    label=_("Set idle"),
    explanation=_("The scheduler starts them when they are due, which may be at once."),
    method="set_idle",
    excluded_statuses=[Status.IDLE],
    warnings=dict.fromkeys(
        Trigger.RUNNING_STATUSES,
        _(
            "A robot still works for those that are running, pausing or being killed. Once they "
            "are idle, a second robot starts beside it when they are due."
        ),
    ),
)
