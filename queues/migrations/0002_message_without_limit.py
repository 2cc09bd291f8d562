"""The API's contract sets no limit to `message`; OpenOrchestrator's column held 1000 characters."""

from django.db import migrations, models

from queueapi.database.migration_operations import AlterTextColumns


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0001_initial"),
    ]

    operations = [
        AlterTextColumns(
            "QueueItem",
            {"message": models.TextField(blank=True, null=True, verbose_name="message")},
        ),
    ]
