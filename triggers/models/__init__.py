"""Triggers; and, in `schedulers`, what starts them: its state, jobs and logs."""

from triggers.models import schedulers
from triggers.models.triggers import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

__all__ = ["QueueTrigger", "ScheduledTrigger", "SingleTrigger", "Trigger", "schedulers"]
