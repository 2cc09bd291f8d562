"""How people call the fields; nothing changes in the database."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("security", "0002_bans_and_failed_attempts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apikey",
            options={"verbose_name": "API key", "verbose_name_plural": "API keys"},
        ),
        migrations.AlterModelOptions(
            name="bannedip",
            options={"verbose_name": "ban", "verbose_name_plural": "bans"},
        ),
        migrations.AlterModelOptions(
            name="failedattempt",
            options={"verbose_name": "failed attempt", "verbose_name_plural": "failed attempts"},
        ),
        migrations.AlterField(
            model_name="apikey",
            name="client",
            field=models.CharField(
                db_index=True,
                max_length=100,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[^\\s\\x00-\\x1f\\x7f](?:[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f])?\\Z",
                        "A client name has no control characters, and no spaces at its ends.",
                    )
                ],
                verbose_name="client",
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="created",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="expires",
            field=models.DateTimeField(blank=True, null=True, verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="hashed_secret",
            field=models.CharField(max_length=64, unique=True, verbose_name="hash"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="last_used",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last used"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="prefix",
            field=models.CharField(max_length=8, unique=True, verbose_name="prefix"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="revoked",
            field=models.DateTimeField(blank=True, null=True, verbose_name="revoked"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="attempts",
            field=models.IntegerField(default=0, verbose_name="failed attempts"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="began",
            field=models.DateTimeField(verbose_name="began"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="ended",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="ended_by",
            field=models.CharField(blank=True, max_length=150, null=True, verbose_name="lifted by"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="network",
            field=models.CharField(max_length=43, verbose_name="network"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="reason",
            field=models.CharField(max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="until",
            field=models.DateTimeField(verbose_name="until"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="address",
            field=models.CharField(max_length=39, verbose_name="address"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="counts",
            field=models.BooleanField(default=True, verbose_name="counts"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="key",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="security.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="method",
            field=models.CharField(max_length=10, verbose_name="method"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="network",
            field=models.CharField(max_length=43, verbose_name="network"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="path",
            field=models.CharField(max_length=200, verbose_name="path"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="reason",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="failedattempt",
            name="time",
            field=models.DateTimeField(
                db_index=True, default=django.utils.timezone.now, verbose_name="time"
            ),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="user_agent",
            field=models.CharField(blank=True, max_length=200, verbose_name="user agent"),
        ),
    ]
