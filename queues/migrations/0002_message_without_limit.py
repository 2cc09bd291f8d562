"""The API's contract sets no limit to `message`; OpenOrchestrator's column held 1000 characters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="queueitem",
            name="message",
            field=models.TextField(blank=True, null=True),
        ),
    ]
