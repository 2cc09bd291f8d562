"""Idempotency keys."""

import django.utils.timezone
from django.db import migrations, models

import queueapi.database.model_fields


class Migration(migrations.Migration):
    dependencies = [
        ("security", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "digest",
                    queueapi.database.model_fields.DigestField(
                        max_length=32, primary_key=True, serialize=False
                    ),
                ),
                ("fingerprint", queueapi.database.model_fields.DigestField(max_length=32)),
                ("status_code", models.IntegerField(default=0)),
                ("body", models.TextField(default="")),
                ("created", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                "default_permissions": (),
            },
        ),
    ]
