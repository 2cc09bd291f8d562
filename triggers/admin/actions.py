"""Pause, resume and set idle, as OpenOrchestrator means them."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from triggers.models import Trigger

Status = Trigger.Status

STILL_RUNS = _(
    "A robot is at work for those that are running, pausing or being killed: once they are idle, "
    "a second one starts beside it when they are due."
)
PAUSE = Action(
    name="pause",
    title=_("Pause"),
    explanation=_(
        "The scheduler starts them no more. What is running goes on to its end; until then it is "
        "Pausing."
    ),
    verb=lambda triggers: triggers.pause(),
    leaves=[Status.PAUSED],
    warnings=[
        (Status.KILLING, _("Those that are being killed will not be killed any more.")),
        (Status.PAUSING, _("Those that are pausing still run, although they will look paused.")),
    ],
)
RESUME = Action(
    name="resume",
    title=_("Resume"),
    explanation=_(
        "Paused ones become Idle, and the scheduler starts them when they are due. Pausing ones "
        "are still running, and become Running."
    ),
    verb=lambda triggers: triggers.resume(),
    only=[Status.PAUSED, Status.PAUSING],
)
SET_IDLE = Action(
    name="set_idle",
    title=_("Set idle"),
    explanation=_("The scheduler starts them when they are due, which may be at once."),
    verb=lambda triggers: triggers.set_idle(),
    leaves=[Status.IDLE],
    warnings=[(status, STILL_RUNS) for status in Trigger.RUNNING_STATUSES],
)
ACTIONS = {action.name: action for action in (PAUSE, RESUME, SET_IDLE)}


def one_click_actions(trigger: Trigger) -> list[tuple[Action, str]]:
    """What can be done with it now, and where to post that."""
    return [
        (action, reverse("admin:triggers_trigger_at_once", args=[trigger.pk, action.name]))
        for action in ACTIONS.values()
        if action.takes(trigger.process_status)
    ]
