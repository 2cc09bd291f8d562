"""Store a `message` of any length, as the API's contract allows; it was limited to 1000 characters."""

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
