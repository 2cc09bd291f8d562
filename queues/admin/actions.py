"""The admin actions of queue items."""

from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from queues.models import QueueItem

Status = QueueItem.Status

MAY_RUN = _("A robot may still be at work on an item in progress.")

REQUEUE = Action(
    method="requeue",
    label=_("Requeue"),
    explanation=_("Each becomes New without start and end times, and robots take it again."),
    excluded_statuses=[Status.NEW],
    warnings={
        Status.IN_PROGRESS: MAY_RUN,
        Status.DONE: _("Robots will process a finished item a second time."),
    },
)
ABANDON = Action(
    method="abandon",
    label=_("Abandon"),
    explanation=_("Each becomes Abandoned, and no robot takes it."),
    excluded_statuses=[Status.ABANDONED],
    warnings={
        Status.IN_PROGRESS: MAY_RUN,
        Status.DONE: _("The work on a finished item is not undone."),
    },
)
DELETE = Action(
    name="delete_selected",
    label=_("Delete"),
    explanation=_("Each is deleted for good. The log keeps its name and who deleted it."),
    method="delete",
    permission="delete",
    warnings={Status.IN_PROGRESS: MAY_RUN},
)
EXPORT = Action(
    name="export",
    label=_("Export as CSV"),
    explanation=_(
        "A file for a spreadsheet, with all fields. Nothing changes. In the file, texts get an "
        "apostrophe wherever a spreadsheet could read a formula: [1,-2] becomes [1,'-2]."
    ),
    permission="view",
)
