"""Declare tables that OpenOrchestrator's schedulers write. They are not created here."""

from django.db import migrations, models

import queueapi.database.model_fields


class Migration(migrations.Migration):
    dependencies = [
        ("triggers", "0002_texts_in_any_language"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    queueapi.database.model_fields.UniqueIdentifierField(
                        primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "process_name",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=100, verbose_name="process"
                    ),
                ),
                (
                    "scheduler_name",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=100, verbose_name="machine"
                    ),
                ),
                (
                    "status",
                    queueapi.database.model_fields.UnicodeCharField(
                        choices=[
                            ("RUNNING", "Running"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                            ("KILLED", "Killed"),
                        ],
                        max_length=7,
                        verbose_name="status",
                    ),
                ),
                ("start_time", models.DateTimeField(verbose_name="started")),
                ("end_time", models.DateTimeField(null=True, verbose_name="ended")),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "db_table": "Jobs",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Log",
            fields=[
                (
                    "id",
                    queueapi.database.model_fields.UniqueIdentifierField(
                        primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("log_time", models.DateTimeField(verbose_name="time")),
                (
                    "log_level",
                    queueapi.database.model_fields.UnicodeCharField(
                        choices=[("TRACE", "Trace"), ("INFO", "Info"), ("ERROR", "Error")],
                        max_length=5,
                        verbose_name="level",
                    ),
                ),
                (
                    "process_name",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=100, verbose_name="process"
                    ),
                ),
                (
                    "job_id",
                    queueapi.database.model_fields.UniqueIdentifierField(
                        null=True, verbose_name="job"
                    ),
                ),
                ("log_message", models.TextField(verbose_name="message")),
            ],
            options={
                "verbose_name": "log line",
                "verbose_name_plural": "log lines",
                "db_table": "Logs",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Scheduler",
            fields=[
                (
                    "machine_name",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=100, primary_key=True, serialize=False, verbose_name="machine"
                    ),
                ),
                ("last_update", models.DateTimeField(verbose_name="last contact")),
                (
                    "latest_trigger",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=100, null=True, verbose_name="latest trigger"
                    ),
                ),
                ("latest_trigger_time", models.DateTimeField(null=True, verbose_name="started")),
            ],
            options={
                "verbose_name": "scheduler",
                "verbose_name_plural": "schedulers",
                "db_table": "Schedulers",
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
