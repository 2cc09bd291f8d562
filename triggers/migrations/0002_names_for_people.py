"""How people call the fields; nothing changes in the database."""

import uuid

import django.core.validators
from django.db import migrations, models

import queueapi.fields
import triggers.models


class Migration(migrations.Migration):
    dependencies = [
        ("triggers", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="queuetrigger",
            options={"verbose_name": "queue trigger", "verbose_name_plural": "queue triggers"},
        ),
        migrations.AlterModelOptions(
            name="scheduledtrigger",
            options={
                "verbose_name": "scheduled trigger",
                "verbose_name_plural": "scheduled triggers",
            },
        ),
        migrations.AlterModelOptions(
            name="singletrigger",
            options={"verbose_name": "single trigger", "verbose_name_plural": "single triggers"},
        ),
        migrations.AlterModelOptions(
            name="trigger",
            options={"verbose_name": "trigger", "verbose_name_plural": "triggers"},
        ),
        migrations.AlterField(
            model_name="queuetrigger",
            name="min_batch_size",
            field=models.IntegerField(
                validators=[django.core.validators.MinValueValidator(1)], verbose_name="batch size"
            ),
        ),
        migrations.AlterField(
            model_name="queuetrigger",
            name="queue_name",
            field=models.CharField(max_length=200, verbose_name="queue"),
        ),
        migrations.AlterField(
            model_name="scheduledtrigger",
            name="cron_expr",
            field=models.CharField(
                max_length=200,
                validators=[triggers.models.validate_cron],
                verbose_name="cron expression",
            ),
        ),
        migrations.AlterField(
            model_name="scheduledtrigger",
            name="next_run",
            field=models.DateTimeField(verbose_name="next run"),
        ),
        migrations.AlterField(
            model_name="singletrigger",
            name="next_run",
            field=models.DateTimeField(verbose_name="next run"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="git_branch",
            field=models.CharField(
                blank=True, max_length=100, null=True, verbose_name="Git branch"
            ),
        ),
        migrations.AlterField(
            model_name="trigger",
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
            model_name="trigger",
            name="is_blocking",
            field=models.BooleanField(default=False, verbose_name="blocking"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="is_git_repo",
            field=models.BooleanField(default=False, verbose_name="path is a Git repository"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="last_run",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last run"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="priority",
            field=models.IntegerField(default=0, verbose_name="priority"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="process_args",
            field=models.CharField(
                blank=True, max_length=1000, null=True, verbose_name="arguments"
            ),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="process_name",
            field=models.CharField(max_length=100, verbose_name="process"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="process_path",
            field=models.CharField(max_length=250, verbose_name="path"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="process_status",
            field=models.CharField(
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
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="scheduler_whitelist",
            field=models.CharField(blank=True, max_length=250, null=True, verbose_name="machines"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="trigger_name",
            field=models.CharField(max_length=100, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="trigger",
            name="type",
            field=models.CharField(
                choices=[("SINGLE", "Single"), ("SCHEDULED", "Scheduled"), ("QUEUE", "Queue")],
                editable=False,
                max_length=9,
                verbose_name="kind",
            ),
        ),
    ]
