"""The admin actions of queue items."""

from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from queues.models import QueueItem

Status = QueueItem.Status

MAY_RUN = _("A robot may still be at work on those in progress.")

REQUEUE = Action(
    name="requeue",
    label=_("Requeue"),
    explanation=_("They become New without start and end times, and robots take them again."),
    method="requeue",
    excluded_statuses=[Status.NEW],
    warnings={
        Status.IN_PROGRESS: MAY_RUN,
        Status.DONE: _("Robots will process finished items a second time."),
    },
)
ABANDON = Action(
    name="abandon",
    label=_("Abandon"),
    explanation=_("They become Abandoned, and no robot takes them."),
    method="abandon",
    excluded_statuses=[Status.ABANDONED],
    warnings={
        Status.IN_PROGRESS: MAY_RUN,
        Status.DONE: _("The work on finished items is not undone."),
    },
)
DELETE = Action(
    name="delete_selected",
    label=_("Delete"),
    explanation=_("They are deleted for good. The log keeps their names and who deleted them."),
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
