"""Store names of triggers and their queues in any language, as the names of queues.

`queues` 0004 explains why columns become wider.
"""

from django.db import migrations

import triggers.cron
from queueapi.database.migration_operations import AlterTextColumns
from queueapi.database.model_fields import UnicodeCharField


class Migration(migrations.Migration):
    dependencies = [
        ("triggers", "0001_initial"),
    ]

    operations = [
        AlterTextColumns(
            "Trigger",
            {
                "trigger_name": UnicodeCharField(max_length=100, verbose_name="name"),
                "process_name": UnicodeCharField(max_length=100, verbose_name="process"),
                "process_path": UnicodeCharField(max_length=250, verbose_name="path"),
                "process_args": UnicodeCharField(
                    blank=True, max_length=1000, null=True, verbose_name="arguments"
                ),
                "process_status": UnicodeCharField(
                    choices=[
                        ("IDLE", "Idle"),
                        ("RUNNING", "Running"),
                        ("FAILED", "Failed"),
                        ("DONE", "Done"),
                        ("PAUSED", "Paused"),
                        ("PAUSING", "Pausing"),
                        ("KILLING", "Killing"),
                        ("KILLED", "Killed"),
                    ],
                    default="IDLE",
                    max_length=7,
                    verbose_name="status",
                ),
                "git_branch": UnicodeCharField(
                    blank=True, max_length=100, null=True, verbose_name="Git branch"
                ),
                "scheduler_whitelist": UnicodeCharField(
                    blank=True, max_length=250, null=True, verbose_name="machines"
                ),
                "type": UnicodeCharField(
                    choices=[
                        ("SINGLE", "Single"),
                        ("SCHEDULED", "Scheduled"),
                        ("QUEUE", "Queue"),
                    ],
                    editable=False,
                    max_length=9,
                    verbose_name="type",
                ),
            },
        ),
        AlterTextColumns(
            "ScheduledTrigger",
            {
                "cron_expr": UnicodeCharField(
                    max_length=200,
                    validators=[triggers.cron.validate_cron],
                    verbose_name="cron expression",
                )
            },
        ),
        AlterTextColumns(
            "QueueTrigger",
            {"queue_name": UnicodeCharField(max_length=200, verbose_name="queue")},
        ),
    ]
