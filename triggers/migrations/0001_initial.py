"""Create the trigger tables exactly as OpenOrchestrator 3 does."""

import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import queueapi.database.model_fields
from queueapi.database.migration_operations import refuse_existing_tables


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        refuse_existing_tables(
            "Triggers", "Single_Triggers", "Scheduled_Triggers", "Queue_Triggers"
        ),
        migrations.CreateModel(
            name="Trigger",
            fields=[
                (
                    "id",
                    queueapi.database.model_fields.UniqueIdentifierField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("trigger_name", models.CharField(max_length=100)),
                ("process_name", models.CharField(max_length=100)),
                ("last_run", models.DateTimeField(blank=True, null=True, verbose_name="last run")),
                ("process_path", models.CharField(max_length=250)),
                ("process_args", models.CharField(blank=True, max_length=1000, null=True)),
                (
                    "process_status",
                    models.CharField(
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
                    ),
                ),
                (
                    "is_git_repo",
                    models.BooleanField(default=False, verbose_name="path is a Git repository"),
                ),
                ("git_branch", models.CharField(blank=True, max_length=100, null=True)),
                ("is_blocking", models.BooleanField(default=False, verbose_name="blocking")),
                (
                    "scheduler_whitelist",
                    models.CharField(
                        blank=True,
                        max_length=250,
                        null=True,
                    ),
                ),
                ("priority", models.IntegerField(default=0, verbose_name="priority")),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("SINGLE", "Single"),
                            ("SCHEDULED", "Scheduled"),
                            ("QUEUE", "Queue"),
                        ],
                        editable=False,
                        max_length=9,
                    ),
                ),
            ],
            options={
                "db_table": "Triggers",
                "verbose_name": "trigger",
                "verbose_name_plural": "triggers",
            },
        ),
        migrations.CreateModel(
            name="QueueTrigger",
            fields=[
                (
                    "trigger",
                    models.OneToOneField(
                        db_column="id",
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="triggers.trigger",
                    ),
                ),
                ("queue_name", models.CharField(max_length=200)),
                (
                    "min_batch_size",
                    models.IntegerField(
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="batch size",
                    ),
                ),
            ],
            options={
                "db_table": "Queue_Triggers",
                "verbose_name": "queue trigger",
                "verbose_name_plural": "queue triggers",
            },
            bases=("triggers.trigger",),
        ),
        migrations.CreateModel(
            name="ScheduledTrigger",
            fields=[
                (
                    "trigger",
                    models.OneToOneField(
                        db_column="id",
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="triggers.trigger",
                    ),
                ),
                ("cron_expr", models.CharField(max_length=200)),
                ("next_run", models.DateTimeField(verbose_name="next run")),
            ],
            options={
                "db_table": "Scheduled_Triggers",
                "verbose_name": "scheduled trigger",
                "verbose_name_plural": "scheduled triggers",
            },
            bases=("triggers.trigger",),
        ),
        migrations.CreateModel(
            name="SingleTrigger",
            fields=[
                (
                    "trigger",
                    models.OneToOneField(
                        db_column="id",
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="triggers.trigger",
                    ),
                ),
                ("next_run", models.DateTimeField(verbose_name="next run")),
            ],
            options={
                "db_table": "Single_Triggers",
                "verbose_name": "single trigger",
                "verbose_name_plural": "single triggers",
            },
            bases=("triggers.trigger",),
        ),
    ]
