"""The tables of OpenOrchestrator's triggers, which its schedulers poll every few seconds."""

import json
from functools import partial
from typing import Any, ClassVar, Self
from uuid import uuid4

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Case, Exists, OuterRef, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField, UniqueIdentifierField
from queueapi.database.retries import retry_on_deadlock


class TriggerQuerySet(models.QuerySet["Trigger"]):
    def single(self, name: str) -> Self:
        """The triggers of type SINGLE with this name; names are not unique."""
        return self.filter(type=Trigger.Type.SINGLE, trigger_name=name)

    def set_status(self, name: str, status: str) -> None:
        """Set the status of the one SINGLE trigger called `name`, in one UPDATE.

        Raises `Trigger.DoesNotExist` or `Trigger.MultipleObjectsReturned` (with a sentence that
        says how many) if there isn't exactly one; then nothing is changed.
        """
        namesake = self.single(name).exclude(pk=OuterRef("pk"))
        only = self.single(name).filter(~Exists(namesake))
        # Not repeated when the connection broke: done twice, it could start a second robot.
        if retry_on_deadlock(partial(only.update, process_status=status)):
            return
        count = retry_on_deadlock(self.single(name).count)
        if count > 1:
            raise Trigger.MultipleObjectsReturned(
                f"{count} triggers of type SINGLE have this name; give each its own."
            )
        raise Trigger.DoesNotExist("No trigger of type SINGLE has this name.")

    def pause(self) -> int:
        """As OpenOrchestrator does: what runs now is PAUSED once it has ended."""
        return self._change({Trigger.Status.RUNNING: Trigger.Status.PAUSING}, Trigger.Status.PAUSED)

    def resume(self) -> int:
        """Undo `pause`; triggers that are not paused stay as they are.

        One that is PAUSING still runs, so it is RUNNING again: IDLE would start a second robot.
        """
        paused = self.filter(process_status__in=[Trigger.Status.PAUSED, Trigger.Status.PAUSING])
        return paused._change({Trigger.Status.PAUSING: Trigger.Status.RUNNING}, Trigger.Status.IDLE)

    def set_idle(self) -> int:
        """Let the scheduler start them when they are due, whatever they were.

        One that is in `Trigger.AT_WORK` may then run twice at the same time.
        """
        return self.update(process_status=Trigger.Status.IDLE)

    def _change(self, exceptions: dict[str, str], others: str) -> int:
        """In one UPDATE, so that the scheduler can't come between."""
        whens = [
            When(process_status=before, then=Value(after)) for before, after in exceptions.items()
        ]
        return self.update(process_status=Case(*whens, default=Value(others)))


class Trigger(models.Model):
    """What starts a process. Each row has one more in the table of its type."""

    class Status(models.TextChoices):
        """The column holds these names; any other text stops OpenOrchestrator's scheduler."""

        IDLE = "IDLE", _("Idle")
        RUNNING = "RUNNING", _("Running")
        FAILED = "FAILED", _("Failed")
        DONE = "DONE", _("Done")
        PAUSED = "PAUSED", _("Paused")
        PAUSING = "PAUSING", _("Pausing")
        KILLING = "KILLING", _("Killing")
        KILLED = "KILLED", _("Killed")

    class Type(models.TextChoices):
        SINGLE = "SINGLE", _("Single")
        SCHEDULED = "SCHEDULED", _("Scheduled")
        QUEUE = "QUEUE", _("Queue")

    AT_WORK = [Status.RUNNING, Status.PAUSING, Status.KILLING]

    id = UniqueIdentifierField("ID", primary_key=True, default=uuid4, editable=False)
    trigger_name = UnicodeCharField(_("name"), max_length=100)
    process_name = UnicodeCharField(_("process"), max_length=100)
    last_run = models.DateTimeField(_("last run"), null=True, blank=True)
    process_path = UnicodeCharField(_("path"), max_length=250)
    process_args = UnicodeCharField(_("arguments"), max_length=1000, null=True, blank=True)
    process_status = UnicodeCharField(
        _("status"), max_length=7, choices=Status, default=Status.IDLE
    )
    is_git_repo = models.BooleanField(_("path is a Git repository"), default=False)
    git_branch = UnicodeCharField(_("Git branch"), max_length=100, null=True, blank=True)
    is_blocking = models.BooleanField(_("blocking"), default=False)
    scheduler_whitelist = UnicodeCharField(_("machines"), max_length=250, null=True, blank=True)
    priority = models.IntegerField(_("priority"), default=0)
    type = UnicodeCharField(_("type"), max_length=9, choices=Type, editable=False)

    # What the rows of a subclass are; `type` has to say the same.
    kind: ClassVar[Type | None] = None

    objects = TriggerQuerySet.as_manager()

    class Meta:
        db_table = "Triggers"
        verbose_name = _("trigger")
        verbose_name_plural = _("triggers")

    def __str__(self) -> str:
        return self.trigger_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.kind:
            self.type = self.kind
        super().save(*args, **kwargs)

    @property
    def machines(self) -> list[str]:
        return parse_machines(self.scheduler_whitelist)


def parse_machines(text: str | None) -> list[str]:
    """The names in a `scheduler_whitelist`; what is no JSON list there is one name."""
    try:
        names = json.loads(text or "[]") or []
    except (ValueError, RecursionError):
        names = text
    return [str(name) for name in names] if isinstance(names, list) else [str(names)]


def has_next_time(expression: str) -> bool:
    """Whether OpenOrchestrator's scheduler reads it, by the library with which it reads it.

    Any other expression would stop the scheduler when the trigger is due.
    """
    try:
        return next(CronSim(expression, timezone.now()), None) is not None
    except CronSimError:
        return False


def validate_cron(expression: str) -> None:
    if not has_next_time(expression):
        raise ValidationError(_("Not a cron expression with a next time. One is: 30 7 * * 1-5."))


class SingleTrigger(Trigger):
    """Starts its process once, when it is IDLE and `next_run` has come."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    next_run = models.DateTimeField(_("next run"))

    kind = Trigger.Type.SINGLE

    class Meta:
        db_table = "Single_Triggers"
        verbose_name = _("single trigger")
        verbose_name_plural = _("single triggers")


class ScheduledTrigger(Trigger):
    """Starts its process by the clock, as a cron expression says."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    cron_expr = UnicodeCharField(_("cron expression"), max_length=200, validators=[validate_cron])
    next_run = models.DateTimeField(_("next run"))

    kind = Trigger.Type.SCHEDULED

    class Meta:
        db_table = "Scheduled_Triggers"
        verbose_name = _("scheduled trigger")
        verbose_name_plural = _("scheduled triggers")


class QueueTrigger(Trigger):
    """Starts its process when a queue holds at least `min_batch_size` NEW items."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    queue_name = UnicodeCharField(_("queue"), max_length=200)
    min_batch_size = models.IntegerField(_("batch size"), validators=[MinValueValidator(1)])

    kind = Trigger.Type.QUEUE

    class Meta:
        db_table = "Queue_Triggers"
        verbose_name = _("queue trigger")
        verbose_name_plural = _("queue triggers")
