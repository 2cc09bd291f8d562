"""All text that the API's contract allows can be stored.

OpenOrchestrator's columns in SQL Server are `varchar`, which loses what the database's code page
lacks, and `nvarchar(n)` counts an emoji as two: 100 of them need `nvarchar(200)`. Elsewhere
nothing changes.
"""

from django.db import migrations

from queueapi.database.migration_operations import AlterTextColumns
from queueapi.database.model_fields import UnicodeCharField


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0003_index_of_statuses"),
    ]

    operations = [
        AlterTextColumns(
            "QueueItem",
            {
                "queue_name": UnicodeCharField(max_length=100, verbose_name="queue"),
                "status": UnicodeCharField(
                    choices=[
                        ("NEW", "New"),
                        ("IN_PROGRESS", "In progress"),
                        ("DONE", "Done"),
                        ("FAILED", "Failed"),
                        ("ABANDONED", "Abandoned"),
                    ],
                    default="NEW",
                    max_length=11,
                    verbose_name="status",
                ),
                "data": UnicodeCharField(
                    blank=True, max_length=2000, null=True, verbose_name="data"
                ),
                "reference": UnicodeCharField(
                    blank=True, max_length=100, null=True, verbose_name="reference"
                ),
                "created_by": UnicodeCharField(
                    blank=True, max_length=100, null=True, verbose_name="created by"
                ),
            },
        ),
    ]
