"""Tables that OpenOrchestrator's schedulers write: their state, jobs and logs.

They are only read, and our migrations do not create them. They may be absent, as in older versions
of OpenOrchestrator, and the login of the database may lack the right to read them; use `read()`.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Self, TypeVar

from django.db import Error, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField, UniqueIdentifierField
from queueapi.database.time_limits import time_limit

Row = TypeVar("Row")


def read(rows: Iterable[Row]) -> list[Row] | None:
    """Return the rows of a queryset; `None` if its table can't be read, or not in time."""
    try:
        with time_limit():
            return list(rows)
    except Error:
        return None


class SchedulerQuerySet(models.QuerySet["Scheduler"]):
    def alive(self) -> Self:
        return self.filter(last_update__gte=timezone.now() - Scheduler.SILENT_AFTER)


class Scheduler(models.Model):
    """A machine that runs OpenOrchestrator's scheduler. Rows are never deleted."""

    # It sets `last_update` about every 6 seconds, except while it is paused without a running job
    # (`OpenOrchestrator.scheduler.run_tab.loop`).
    SILENT_AFTER = timedelta(seconds=60)
    FORGOTTEN_AFTER = timedelta(days=7)

    machine_name = UnicodeCharField(_("machine"), max_length=100, primary_key=True)
    last_update = models.DateTimeField(_("last contact"))
    latest_trigger = UnicodeCharField(_("latest trigger"), max_length=100, null=True)
    latest_trigger_time = models.DateTimeField(_("started"), null=True)

    objects = SchedulerQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "Schedulers"
        default_permissions = ()
        verbose_name = _("scheduler")
        verbose_name_plural = _("schedulers")

    def __str__(self) -> str:
        return self.machine_name

    @property
    def age(self) -> timedelta:
        """The time since the last contact; 0 if the machine's clock is ahead."""
        return max(timezone.now() - self.last_update, timedelta(0))


class Job(models.Model):
    """One run of a trigger's process."""

    class Status(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")
        KILLED = "KILLED", _("Killed")

    id = UniqueIdentifierField("ID", primary_key=True)
    process_name = UnicodeCharField(_("process"), max_length=100)
    scheduler_name = UnicodeCharField(_("machine"), max_length=100)
    status = UnicodeCharField(_("status"), max_length=7, choices=Status)
    start_time = models.DateTimeField(_("started"))
    end_time = models.DateTimeField(_("ended"), null=True)

    class Meta:
        managed = False
        db_table = "Jobs"
        default_permissions = ("view",)
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return f"{self.process_name} {self.pk}"


class Log(models.Model):
    """A line that a scheduler or a robot logged."""

    class Level(models.TextChoices):
        TRACE = "TRACE", _("Trace")
        INFO = "INFO", _("Info")
        ERROR = "ERROR", _("Error")

    id = UniqueIdentifierField("ID", primary_key=True)
    log_time = models.DateTimeField(_("time"))
    log_level = UnicodeCharField(_("level"), max_length=5, choices=Level)
    process_name = UnicodeCharField(_("process"), max_length=100)
    job_id = UniqueIdentifierField(_("job"), null=True)
    log_message = models.TextField(_("message"))

    class Meta:
        managed = False
        db_table = "Logs"
        default_permissions = ()
        verbose_name = _("log line")
        verbose_name_plural = _("log lines")

    def __str__(self) -> str:
        return f"{self.log_time} {self.log_level}"
