"""The table `Queues`, which OpenOrchestrator's robots read and write beside us."""

from uuid import uuid4

from django.db import models
from django.utils import timezone

from queueapi.fields import UniqueIdentifierField


class QueueItem(models.Model):
    """A piece of work that waits on a queue for a robot."""

    class Status(models.TextChoices):
        """The column holds these names; any other text breaks OpenOrchestrator's reader."""

        NEW = "NEW", "New"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"
        ABANDONED = "ABANDONED", "Abandoned"

    id = UniqueIdentifierField(primary_key=True, default=uuid4, editable=False)
    queue_name = models.CharField(max_length=100)
    status = models.CharField(max_length=11, choices=Status, default=Status.NEW)
    data = models.CharField(max_length=2000, null=True, blank=True)
    reference = models.CharField(max_length=100, null=True, blank=True)
    created_date = models.DateTimeField(default=timezone.now)
    start_date = models.DateTimeField(null=True, blank=True)
    end_date = models.DateTimeField(null=True, blank=True)
    message = models.TextField(null=True, blank=True)
    created_by = models.CharField(max_length=100, null=True, blank=True)

    class Meta:
        db_table = "Queues"
        indexes = [
            models.Index(fields=["queue_name"], name="ix_Queues_queue_name"),
            models.Index(fields=["created_date"], name="ix_Queues_created_date"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_name} {self.reference or self.pk}"
