"""Alerts of problems."""

import django.utils.timezone
from django.db import migrations, models

import queueapi.database.model_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("subject", queueapi.database.model_fields.UnicodeCharField(max_length=200)),
                ("text", models.TextField()),
                ("began", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended", models.DateTimeField(null=True)),
                ("is_certain", models.BooleanField()),
                ("is_mailed", models.BooleanField(default=False)),
            ],
            options={"default_permissions": ()},
        ),
    ]
