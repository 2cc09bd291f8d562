"""The API's contract sets no limit to `message`; OpenOrchestrator's column held 1000 characters."""

from django.db import migrations, models

from queueapi.database.operations import ChangeTexts


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0001_initial"),
    ]

    operations = [
        ChangeTexts("QueueItem", {"message": models.TextField(blank=True, null=True)}),
    ]
