"""OpenOrchestrator's trigger tables, which its schedulers poll every few seconds."""

import json
from functools import partial
from typing import Any, ClassVar, Self
from uuid import uuid4

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Case, Exists, OuterRef, Value, When
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField, UniqueIdentifierField
from queueapi.database.retries import retry_on_deadlock
from triggers.cron import validate_cron

NO_SINGLE = "No trigger of type SINGLE has this name."
SEVERAL_SINGLE = "{} triggers of type SINGLE have this name; give each its own."


class TriggerQuerySet(models.QuerySet["Trigger"]):
    def single(self, name: str, exactly: bool = False) -> Self:
        """Return the triggers of type SINGLE with this name, which need not be unique.

        With `exactly`, names are compared as Python does, not by the database's collation.
        """
        called = {"trigger_name__exactly" if exactly else "trigger_name": name}
        return self.filter(type=Trigger.Type.SINGLE, **called)

    def set_status(
        self, name: str, status: str, expected: str | None = None, exactly: bool = False
    ) -> None:
        """Set the status of the only SINGLE trigger called `name`, in one UPDATE.

        Raises, each with a sentence for the client, `Trigger.DoesNotExist` if there is none,
        `Trigger.MultipleObjectsReturned` if there are several, and `Trigger.StatusConflictError`
        if its status is not `expected`.
        """
        single = self.single(name, exactly)
        only = single.filter(~Exists(single.exclude(pk=OuterRef("pk"))))
        if expected is not None:
            only = only.filter(process_status=expected)
        for _try in range(3):
            # Not after the connection broke, since a second UPDATE could start a second robot.
            if retry_on_deadlock(partial(only.update, process_status=status)):
                return
            found = single.values_list("process_status", flat=True)
            statuses: list[str] = retry_on_deadlock(partial(list, found))
            if statuses != [expected]:  # else it became the expected one after the UPDATE
                break
        if len(statuses) > 1:
            raise Trigger.MultipleObjectsReturned(SEVERAL_SINGLE.format(len(statuses)))
        if expected is not None and statuses:
            raise Trigger.StatusConflictError(statuses[0])
        raise Trigger.DoesNotExist(NO_SINGLE)

    # The actions of staff. Each is one UPDATE, so that the scheduler can't change a row in between.

    def pause(self) -> int:
        """Set RUNNING triggers to PAUSING and all others to PAUSED; return their number.

        `OpenOrchestrator.orchestrator.popups.trigger_popup` is the source.
        """
        running = When(process_status=Trigger.Status.RUNNING, then=Value(Trigger.Status.PAUSING))
        return self.update(process_status=Case(running, default=Value(Trigger.Status.PAUSED)))

    def resume(self) -> int:
        """Set PAUSED triggers to IDLE and PAUSING ones, which still run, to RUNNING."""
        paused = self.filter(process_status__in=[Trigger.Status.PAUSED, Trigger.Status.PAUSING])
        pausing = When(process_status=Trigger.Status.PAUSING, then=Value(Trigger.Status.RUNNING))
        return paused.update(process_status=Case(pausing, default=Value(Trigger.Status.IDLE)))

    def set_idle(self) -> int:
        """Set all to IDLE, so that the scheduler starts them when they are due.

        A process whose trigger was in `RUNNING_STATUSES` may then run twice at the same time.
        """
        return self.update(process_status=Trigger.Status.IDLE)

    def kill(self) -> int:
        """Set RUNNING triggers to KILLING, so that the scheduler kills their processes.

        `OpenOrchestrator.orchestrator.popups.trigger_popup` is the source: it offers Kill while a
        trigger is RUNNING, and asks no question.
        """
        running = self.filter(process_status=Trigger.Status.RUNNING)
        return running.update(process_status=Trigger.Status.KILLING)


class Trigger(models.Model):
    """Starts a process. Each row has another one in the table of its type."""

    class Status(models.TextChoices):
        """The values of the column. Any other text stops OpenOrchestrator's scheduler."""

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

    class StatusConflictError(Exception):
        """The trigger has another status than expected: `current`."""

        def __init__(self, current: str) -> None:
            super().__init__("The trigger does not have the expected status; it was not changed.")
            self.current = current

    # In these a robot is still running the process.
    RUNNING_STATUSES = [Status.RUNNING, Status.PAUSING, Status.KILLING]

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

    # The `type` of a subclass's rows.
    trigger_type: ClassVar[Type | None] = None

    objects = TriggerQuerySet.as_manager()

    class Meta:
        db_table = "Triggers"
        verbose_name = _("trigger")
        verbose_name_plural = _("triggers")

    def __str__(self) -> str:
        return self.trigger_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.trigger_type:
            self.type = self.trigger_type
        super().save(*args, **kwargs)

    @property
    def machines(self) -> list[str]:
        return parse_machines(self.scheduler_whitelist)


def parse_machines(text: str | None) -> list[str]:
    """Return the names in a `scheduler_whitelist`; a text that is not a JSON list is one name."""
    try:
        names = json.loads(text or "[]") or []
    except (ValueError, RecursionError):
        names = text
    return [str(name) for name in names] if isinstance(names, list) else [str(names)]


def parent_link() -> models.OneToOneField:
    return models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )


class SingleTrigger(Trigger):
    """Starts its process once, at `next_run` or later, when it is IDLE."""

    trigger = parent_link()
    next_run = models.DateTimeField(_("next run"))

    trigger_type = Trigger.Type.SINGLE

    class Meta:
        db_table = "Single_Triggers"
        verbose_name = _("single trigger")
        verbose_name_plural = _("single triggers")


class ScheduledTrigger(Trigger):
    """Starts its process at the times of a cron expression."""

    trigger = parent_link()
    cron_expr = UnicodeCharField(_("cron expression"), max_length=200, validators=[validate_cron])
    next_run = models.DateTimeField(_("next run"))

    trigger_type = Trigger.Type.SCHEDULED

    class Meta:
        db_table = "Scheduled_Triggers"
        verbose_name = _("scheduled trigger")
        verbose_name_plural = _("scheduled triggers")


class QueueTrigger(Trigger):
    """Starts its process when a queue holds at least `min_batch_size` NEW items."""

    trigger = parent_link()
    queue_name = UnicodeCharField(_("queue"), max_length=200)
    min_batch_size = models.IntegerField(_("batch size"), validators=[MinValueValidator(1)])

    trigger_type = Trigger.Type.QUEUE

    class Meta:
        db_table = "Queue_Triggers"
        verbose_name = _("queue trigger")
        verbose_name_plural = _("queue triggers")
