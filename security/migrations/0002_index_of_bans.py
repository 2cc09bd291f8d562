"""Index the end of bans, because each process reads the active ones every two seconds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("security", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="bannedip",
            index=models.Index(fields=["expires"], name="banned_ip_expires"),
        ),
    ]
