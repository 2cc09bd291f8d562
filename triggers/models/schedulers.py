"""Tables that OpenOrchestrator's schedulers write: their state, jobs and logs.

They are only read, and our migrations do not create them. They may be absent, as in older versions
of OpenOrchestrator, and the login of the database may lack the right to read them; use `read()`.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Self, TypeVar

from django.db import Error, models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField, UniqueIdentifierField
from queueapi.database.time_limits import time_limit
from queueapi.durations import format_duration

Row = TypeVar("Row")


def read(rows: Iterable[Row]) -> list[Row] | None:
    """Return the rows of a queryset; `None` if its table can't be read, or not in time.

    Drivers raise ValueError for values that they can't decode.
    """
    try:
        with time_limit():
            return list(rows)
    except (Error, ValueError):
        return None


class Scheduler(models.Model):
    """A machine that runs OpenOrchestrator's scheduler. Rows are never deleted."""

    # It sets `last_update` about every 6 seconds, except while it is paused without a running job
    # (`OpenOrchestrator.scheduler.run_tab.loop`).
    SILENT_AFTER = timedelta(seconds=60)
    FORGOTTEN_AFTER = timedelta(days=7)

    class State(models.TextChoices):
        ACTIVE = "active", _("In contact")
        SILENT = "silent", _("Silent")
        FORGOTTEN = "forgotten", _("Silent for more than a week")

    machine_name = UnicodeCharField(_("machine"), max_length=100, primary_key=True)
    last_update = models.DateTimeField(_("last contact"))
    latest_trigger = UnicodeCharField(_("latest trigger"), max_length=100, null=True)
    latest_trigger_time = models.DateTimeField(_("started"), null=True)

    class Meta:
        managed = False
        db_table = "Schedulers"
        default_permissions = ()
        verbose_name = _("scheduler")
        verbose_name_plural = _("schedulers")

    def __str__(self) -> str:
        return self.machine_name

    @property
    def state(self) -> State:
        age = timezone.now() - self.last_update
        if age > self.FORGOTTEN_AFTER:
            return self.State.FORGOTTEN
        return self.State.SILENT if age > self.SILENT_AFTER else self.State.ACTIVE


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
        return f"{self.process_name}, {date_format(self.start_time, 'SHORT_DATETIME_FORMAT')}"

    @property
    def duration(self) -> str:
        """The duration in words, until now if the job has not ended."""
        return format_duration((self.end_time or timezone.now()) - self.start_time)


class LogQuerySet(models.QuerySet["Log"]):
    def of_job(self, job: Job) -> Self:
        """Return the lines of a job, newest first.

        A scheduler that could not launch the process has logged that without the job, before it set
        the job to FAILED (`OpenOrchestrator.scheduler.runner.run_process`).
        """
        end = job.end_time or timezone.now()
        lines = Q(job_id=job.pk)
        if job.status == Job.Status.FAILED:
            # A second more, because times were rounded.
            during = (job.start_time, end + timedelta(seconds=1))
            lines |= Q(job_id=None, process_name=job.process_name, log_time__range=during)
        # An hour more, because clocks are set back and forward. There is no index of jobs; one of
        # times may have been added.
        hour = timedelta(hours=1)
        bounded = self.filter(lines, log_time__range=(job.start_time - hour, end + hour))
        return bounded.order_by("-log_time")


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

    objects = LogQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "Logs"
        default_permissions = ()
        verbose_name = _("log line")
        verbose_name_plural = _("log lines")
