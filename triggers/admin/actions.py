"""The admin actions of triggers, which mean the same as in OpenOrchestrator."""

from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from triggers.models import Trigger

Status = Trigger.Status

PAUSE = Action(
    method="pause",
    label=_("Pause"),
    explanation=_(
        "The scheduler starts no paused trigger. One that is running runs to its end, and is "
        "Pausing until then."
    ),
    excluded_statuses=[Status.PAUSED],
    warnings={
        Status.KILLING: _("A trigger that is being killed will not be killed any more."),
        Status.PAUSING: _("A pausing trigger still runs, although it will look paused."),
    },
)
RESUME = Action(
    method="resume",
    label=_("Resume"),
    explanation=_(
        "A paused trigger becomes Idle, and the scheduler starts it when it is due. A pausing one "
        "still runs, and becomes Running."
    ),
    allowed_statuses=[Status.PAUSED, Status.PAUSING],
)
SET_IDLE = Action(
    method="set_idle",
    label=_("Set idle"),
    explanation=_("The scheduler starts an idle trigger when it is due, which may be at once."),
    excluded_statuses=[Status.IDLE],
    warnings=dict.fromkeys(
        Trigger.RUNNING_STATUSES,
        _(
            "A robot still works for a trigger that is running, pausing or being killed. Once the "
            "trigger is idle, a second robot starts beside it when it is due."
        ),
    ),
)
KILL = Action(
    method="kill",
    label=_("Kill"),
    explanation=_(
        "The scheduler ends the process within seconds. The trigger then is Killed, and does not "
        "start again before it is set idle."
    ),
    allowed_statuses=[Status.RUNNING],
    warnings={Status.RUNNING: _("Work stays half done, and its queue item stays In progress.")},
)
