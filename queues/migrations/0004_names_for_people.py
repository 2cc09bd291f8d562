"""How people call the fields; nothing changes in the database."""

import uuid

import django.utils.timezone
from django.db import migrations, models

import queueapi.fields


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0003_index_of_statuses"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="queueitem",
            options={"verbose_name": "queue item", "verbose_name_plural": "queue items"},
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="created_by",
            field=models.CharField(
                blank=True, max_length=100, null=True, verbose_name="created by"
            ),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="created_date",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="data",
            field=models.CharField(blank=True, max_length=2000, null=True, verbose_name="data"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="end_date",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="id",
            field=queueapi.fields.UniqueIdentifierField(
                default=uuid.uuid4,
                editable=False,
                primary_key=True,
                serialize=False,
                verbose_name="ID",
            ),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="message",
            field=models.TextField(blank=True, null=True, verbose_name="message"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="queue_name",
            field=models.CharField(max_length=100, verbose_name="queue"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="reference",
            field=models.CharField(blank=True, max_length=100, null=True, verbose_name="reference"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="start_date",
            field=models.DateTimeField(blank=True, null=True, verbose_name="started"),
        ),
        migrations.AlterField(
            model_name="queueitem",
            name="status",
            field=models.CharField(
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
        ),
    ]
