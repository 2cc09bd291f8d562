"""Clients, API keys, failed attempts, bans and idempotency keys."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import queueapi.database.model_fields
import security.models.clients


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    queueapi.database.model_fields.UnicodeCharField(
                        error_messages={
                            "unique": "There is a client with this name, perhaps in other case."
                        },
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[^\\s\\x00-\\x1f\\x7f](?:[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f])?\\Z",
                                "A client name has no control characters, and no spaces at its ends.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "may_push",
                    models.BooleanField(default=True, verbose_name="may push queue items"),
                ),
                (
                    "may_trigger",
                    models.BooleanField(
                        default=True, verbose_name="may set the status of triggers"
                    ),
                ),
                (
                    "may_read",
                    models.BooleanField(
                        default=False, verbose_name="may read queue items and triggers"
                    ),
                ),
                (
                    "queues",
                    models.TextField(
                        blank=True,
                        help_text="One a line: an exact name, or the start of names and a *, such as HR-*. Empty: all.",
                        validators=[security.models.clients.validate_patterns],
                        verbose_name="queues",
                    ),
                ),
                (
                    "triggers",
                    models.TextField(
                        blank=True,
                        help_text="One a line: an exact name, or the start of names and a *, such as HR-*. Empty: all.",
                        validators=[security.models.clients.validate_patterns],
                        verbose_name="triggers",
                    ),
                ),
                (
                    "networks",
                    models.TextField(
                        blank=True,
                        help_text="One a line: an IP address, or a network such as 10.20.0.0/16. Empty: all.",
                        validators=[security.models.clients.validate_networks],
                        verbose_name="networks",
                    ),
                ),
                ("note", models.TextField(blank=True, verbose_name="note")),
            ],
            options={
                "verbose_name": "client",
                "verbose_name_plural": "clients",
            },
        ),
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
        migrations.CreateModel(
            name="BannedIP",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("network", models.CharField(max_length=43, verbose_name="network")),
                (
                    "reason",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=200, verbose_name="reason"
                    ),
                ),
                ("created", models.DateTimeField(verbose_name="created")),
                ("expires", models.DateTimeField(verbose_name="expires")),
                ("attempts", models.IntegerField(default=0, verbose_name="failed attempts")),
                ("lifted", models.DateTimeField(blank=True, null=True, verbose_name="lifted")),
                (
                    "lifted_by",
                    queueapi.database.model_fields.UnicodeCharField(
                        blank=True, max_length=150, null=True, verbose_name="lifted by"
                    ),
                ),
            ],
            options={
                "verbose_name": "ban",
                "verbose_name_plural": "bans",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted", None)),
                        fields=("network",),
                        name="one_active_ban_per_network",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("prefix", models.CharField(max_length=8, unique=True, verbose_name="prefix")),
                (
                    "hashed_secret",
                    models.CharField(max_length=64, unique=True, verbose_name="hash"),
                ),
                (
                    "created",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                ("expires", models.DateTimeField(blank=True, null=True, verbose_name="expires")),
                ("revoked", models.DateTimeField(blank=True, null=True, verbose_name="revoked")),
                (
                    "last_used",
                    models.DateTimeField(blank=True, null=True, verbose_name="last used"),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="security.client",
                        verbose_name="client",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
            },
        ),
        migrations.CreateModel(
            name="FailedAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "time",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, verbose_name="time"
                    ),
                ),
                ("client_ip", models.CharField(max_length=39, verbose_name="client IP")),
                ("network", models.CharField(max_length=43, verbose_name="network")),
                ("method", models.CharField(max_length=10, verbose_name="method")),
                (
                    "path",
                    queueapi.database.model_fields.UnicodeCharField(
                        max_length=200, verbose_name="path"
                    ),
                ),
                (
                    "user_agent",
                    queueapi.database.model_fields.UnicodeCharField(
                        blank=True, max_length=200, verbose_name="user agent"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("missing", "No key"),
                            ("unknown", "Unknown key"),
                            ("expired", "Expired key"),
                            ("revoked", "Revoked key"),
                            ("admin login", "Admin login"),
                        ],
                        max_length=11,
                        verbose_name="reason",
                    ),
                ),
                (
                    "username",
                    queueapi.database.model_fields.UnicodeCharField(
                        blank=True, max_length=150, verbose_name="user name"
                    ),
                ),
                ("counts", models.BooleanField(default=True, verbose_name="counts")),
                (
                    "key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="security.apikey",
                        verbose_name="API key",
                    ),
                ),
            ],
            options={
                "verbose_name": "failed attempt",
                "verbose_name_plural": "failed attempts",
                "indexes": [
                    models.Index(fields=["network", "time"], name="failed_attempt_network")
                ],
            },
        ),
    ]
