"""Failed attempts, and the bans that they lead to."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("security", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BannedIP",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "network",
                    models.CharField(help_text="One IPv4 address, or one IPv6 /64.", max_length=43),
                ),
                ("reason", models.CharField(max_length=200)),
                ("began", models.DateTimeField()),
                ("until", models.DateTimeField()),
                (
                    "attempts",
                    models.IntegerField(default=0, help_text="Failed attempts that led to it."),
                ),
                ("ended", models.DateTimeField(blank=True, null=True)),
                (
                    "ended_by",
                    models.CharField(
                        blank=True,
                        help_text="Who lifted it; empty: it ran out.",
                        max_length=150,
                        null=True,
                    ),
                ),
            ],
            options={
                "verbose_name": "banned IP",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended", None)),
                        fields=("network",),
                        name="one_running_ban_per_network",
                    )
                ],
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
                ("time", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("address", models.CharField(max_length=39)),
                ("network", models.CharField(help_text="What a ban would close.", max_length=43)),
                ("method", models.CharField(max_length=10)),
                ("path", models.CharField(max_length=200)),
                ("user_agent", models.CharField(blank=True, max_length=200)),
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
                    ),
                ),
                (
                    "counts",
                    models.BooleanField(
                        default=True, help_text="Off once a successful call has settled it."
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        blank=True,
                        help_text="The key, if it was one of ours that is expired or revoked.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="security.apikey",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["network", "time"], name="failed_attempt_network")
                ],
            },
        ),
    ]
