"""Triggers, and the schedulers that start them: their state, jobs and logs."""

from triggers.models.schedulers import Job, Log, Scheduler, read
from triggers.models.triggers import (
    NO_SINGLE,
    SEVERAL_SINGLE,
    QueueTrigger,
    ScheduledTrigger,
    SingleTrigger,
    Trigger,
    has_next_time,
    parse_machines,
    validate_cron,
)

__all__ = [
    "NO_SINGLE",
    "SEVERAL_SINGLE",
    "Job",
    "Log",
    "QueueTrigger",
    "ScheduledTrigger",
    "Scheduler",
    "SingleTrigger",
    "Trigger",
    "has_next_time",
    "parse_machines",
    "read",
    "validate_cron",
]
