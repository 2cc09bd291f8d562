"""Create the table `Queues` exactly as OpenOrchestrator 3 does."""

import uuid

import django.utils.timezone
from django.db import migrations, models

import queueapi.database.model_fields
from queueapi.database.migration_operations import refuse_existing_tables


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        refuse_existing_tables("Queues"),
        migrations.CreateModel(
            name="QueueItem",
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
                ("queue_name", models.CharField(max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("NEW", "New"),
                            ("IN_PROGRESS", "In progress"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                            ("ABANDONED", "Abandoned"),
                        ],
                        default="NEW",
                        max_length=11,
                    ),
                ),
                ("data", models.CharField(blank=True, max_length=2000, null=True)),
                ("reference", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "created_date",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                ("start_date", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("end_date", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("message", models.CharField(blank=True, max_length=1000, null=True)),
                ("created_by", models.CharField(blank=True, max_length=100, null=True)),
            ],
            options={
                "db_table": "Queues",
                "verbose_name": "queue item",
                "verbose_name_plural": "queue items",
                "indexes": [
                    models.Index(fields=["queue_name"], name="ix_Queues_queue_name"),
                    models.Index(fields=["created_date"], name="ix_Queues_created_date"),
                ],
            },
        ),
    ]
