"""Problems, and alerts, which are their record between two runs of `send_alerts`."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db import models
from django.template.loader import render_to_string
from django.utils import timezone

from queueapi.database.model_fields import UnicodeCharField
from queueapi.log_format import one_line

# The next run can be that of another machine, seconds later.
CONFIRMED_AFTER = timedelta(minutes=1)


class Problem(NamedTuple):
    """What is wrong now (`queueapi/alerts.py`). `templates/queueapi/problem.txt` has the texts."""

    kind: str
    subject: str  # at most 200 characters, unique within the kind
    row: Any  # for the template
    begins: bool = True  # False: only an alert that began before continues
    is_certain: bool = True  # False: it may be over in seconds; no alert before the next run


class AlertQuerySet(models.QuerySet["Alert"]):
    def record(self, problems: list[Problem]) -> None:
        """Insert alerts of new problems, in the active language, and set the end of old ones."""
        now = timezone.now()
        found = {(problem.kind, problem.subject): problem for problem in problems}
        for alert in self.filter(ended=None):
            problem = found.pop((alert.kind, alert.subject), None)
            if problem is None:
                self.filter(pk=alert.pk).update(ended=now)
            elif problem.begins and alert.began < now - CONFIRMED_AFTER and not alert.is_certain:
                self.filter(pk=alert.pk).update(is_certain=True)
        new = [problem for problem in found.values() if problem.begins]
        for kind, subject, row, _, is_certain in new:
            text = render_to_string("queueapi/problem.txt", {"kind": kind, "row": row}).strip()
            text = one_line(text, 500)  # no name begins a line of the mail
            self.create(kind=kind, subject=subject, text=text, is_certain=is_certain)


class Alert(models.Model):
    """A problem, from its beginning until a mail tells its end."""

    kind = models.CharField(max_length=20)
    subject = UnicodeCharField(max_length=200)
    text = models.TextField()
    began = models.DateTimeField(default=timezone.now)
    ended = models.DateTimeField(null=True)
    is_certain = models.BooleanField()
    is_mailed = models.BooleanField(default=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # the admin does not show them
