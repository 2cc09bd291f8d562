"""System check of rows that would stop OpenOrchestrator's scheduler."""

from contextlib import suppress
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register

from triggers.cron import has_next_time
from triggers.models import ScheduledTrigger


@register(Tags.database)
def check_cron(**kwargs: Any) -> list[CheckMessage]:
    """Report unreadable cron expressions, on `check --database default` and before `migrate`."""
    rows: list[tuple[str, str]] = []
    for alias in kwargs["databases"] or ():
        # There may be no table yet. queueapi.E001 reports other errors.
        with suppress(Exception):
            rows += ScheduledTrigger.objects.using(alias).values_list("trigger_name", "cron_expr")
    return [
        Warning(
            f"OpenOrchestrator can't read {expression!r}, the cron expression of {name!r}.",
            hint="Its scheduler will stop when that trigger is due. Correct it in the admin.",
            id="triggers.W001",
        )
        for name, expression in rows
        if not has_next_time(expression)
    ]
