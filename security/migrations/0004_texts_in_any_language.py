"""Names of clients, reasons and paths can be in any language; `queues` 0005 explains the widths.

A failed attempt that does not fit into its row would not be counted.
"""

import django.core.validators
from django.db import migrations

import queueapi.fields


class Migration(migrations.Migration):
    dependencies = [
        ("security", "0003_names_for_people"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="client",
            field=queueapi.fields.UnicodeCharField(
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
            model_name="bannedip",
            name="ended_by",
            field=queueapi.fields.UnicodeCharField(
                blank=True, max_length=150, null=True, verbose_name="lifted by"
            ),
        ),
        migrations.AlterField(
            model_name="bannedip",
            name="reason",
            field=queueapi.fields.UnicodeCharField(max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="path",
            field=queueapi.fields.UnicodeCharField(max_length=200, verbose_name="path"),
        ),
        migrations.AlterField(
            model_name="failedattempt",
            name="user_agent",
            field=queueapi.fields.UnicodeCharField(
                blank=True, max_length=200, verbose_name="user agent"
            ),
        ),
    ]
