"""Store all text that the API's contract allows.

On SQL Server, OpenOrchestrator's columns are `varchar`, which loses characters that the database's
code page lacks. `nvarchar(n)` counts UTF-16 units: 100 emoji need `nvarchar(200)`. Other databases
do not change.
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
