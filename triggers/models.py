"""The tables of OpenOrchestrator's triggers, which its schedulers poll every few seconds."""

from typing import Any, ClassVar, Self
from uuid import uuid4

from django.db import models
from django.db.models import Exists, OuterRef

from queueapi.fields import UniqueIdentifierField


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
        if self.single(name).filter(~Exists(namesake)).update(process_status=status):
            return
        count = self.single(name).count()
        if count > 1:
            raise Trigger.MultipleObjectsReturned(
                f"{count} triggers of type SINGLE have this name; give each its own."
            )
        raise Trigger.DoesNotExist("No trigger of type SINGLE has this name.")


class Trigger(models.Model):
    """What starts a process. Each row has one more in the table of its type."""

    class Status(models.TextChoices):
        """The column holds these names; any other text stops OpenOrchestrator's scheduler."""

        IDLE = "IDLE", "Idle"
        RUNNING = "RUNNING", "Running"
        FAILED = "FAILED", "Failed"
        DONE = "DONE", "Done"
        PAUSED = "PAUSED", "Paused"
        PAUSING = "PAUSING", "Pausing"
        KILLING = "KILLING", "Killing"
        KILLED = "KILLED", "Killed"

    class Type(models.TextChoices):
        SINGLE = "SINGLE", "Single"
        SCHEDULED = "SCHEDULED", "Scheduled"
        QUEUE = "QUEUE", "Queue"

    id = UniqueIdentifierField(primary_key=True, default=uuid4, editable=False)
    trigger_name = models.CharField(max_length=100)
    process_name = models.CharField(max_length=100)
    last_run = models.DateTimeField(null=True, blank=True)
    process_path = models.CharField(max_length=250)
    process_args = models.CharField(max_length=1000, null=True, blank=True)
    process_status = models.CharField(max_length=7, choices=Status, default=Status.IDLE)
    is_git_repo = models.BooleanField(default=False)
    git_branch = models.CharField(max_length=100, null=True, blank=True)
    is_blocking = models.BooleanField(default=False)
    scheduler_whitelist = models.CharField(
        max_length=250, null=True, blank=True, help_text="A JSON list of machine names."
    )
    priority = models.IntegerField(default=0)
    type = models.CharField(max_length=9, choices=Type, editable=False)

    # What the rows of a subclass are; `type` has to say the same.
    kind: ClassVar[Type | None] = None

    objects = TriggerQuerySet.as_manager()

    class Meta:
        db_table = "Triggers"

    def __str__(self) -> str:
        return self.trigger_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.kind:
            self.type = self.kind
        super().save(*args, **kwargs)


class SingleTrigger(Trigger):
    """Starts its process once, when it is IDLE and `next_run` has come."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    next_run = models.DateTimeField()

    kind = Trigger.Type.SINGLE

    class Meta:
        db_table = "Single_Triggers"


class ScheduledTrigger(Trigger):
    """Starts its process by the clock, as a cron expression says."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    cron_expr = models.CharField(max_length=200)
    next_run = models.DateTimeField()

    kind = Trigger.Type.SCHEDULED

    class Meta:
        db_table = "Scheduled_Triggers"


class QueueTrigger(Trigger):
    """Starts its process when a queue holds at least `min_batch_size` NEW items."""

    trigger = models.OneToOneField(
        Trigger, models.CASCADE, parent_link=True, primary_key=True, db_column="id"
    )
    queue_name = models.CharField(max_length=200)
    min_batch_size = models.IntegerField()

    kind = Trigger.Type.QUEUE

    class Meta:
        db_table = "Queue_Triggers"
