"""What staff do to queue items by the handful."""

from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import Action
from queues.models import QueueItem

Status = QueueItem.Status

REQUEUE = Action(
    name="requeue",
    title=_("Requeue"),
    explanation=_(
        "They become New, as if they had just come, and robots take them again. "
        "When they were started and ended is cleared."
    ),
    verb=lambda items: items.requeue(),
    leaves=[Status.NEW],
    warnings=[
        (Status.IN_PROGRESS, _("A robot may still be at work on those in progress.")),
        (Status.DONE, _("What is done will be done a second time.")),
    ],
)
ABANDON = Action(
    name="abandon",
    title=_("Abandon"),
    explanation=_("They become Abandoned, and no robot takes them."),
    verb=lambda items: items.abandon(),
    leaves=[Status.ABANDONED],
    warnings=[
        (Status.IN_PROGRESS, _("A robot may still be at work on those in progress.")),
        (Status.DONE, _("What is done stays done; only its status changes.")),
    ],
)
DELETE = Action(
    name="delete_selected",
    title=_("Delete"),
    explanation=_("They are gone for good. The log keeps their names and who deleted them."),
    verb=lambda items: items.delete(),
    warnings=[(Status.IN_PROGRESS, _("A robot may still be at work on those in progress."))],
    deletes=True,
)
EXPORT = Action(
    name="export",
    title=_("Export as CSV"),
    explanation=_(
        "A file for a spreadsheet, with all fields. Nothing changes. In the file, texts get an "
        "apostrophe wherever a spreadsheet could read a formula: [1,-2] becomes [1,'-2]."
    ),
    verb=None,
)
