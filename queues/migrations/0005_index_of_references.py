"""Index the newest items with a reference, which clients read back.

The index finds them in their order. With 1,000,000 items on SQLite, 300,000 of them with the same
reference, a request for the newest takes 6 ms.

The name is not `ix_Queues_reference`, which OpenOrchestrator would give to an index of its own.
The index has no filter: filtered indexes break writers that run with QUOTED_IDENTIFIER off.

Its cost, measured on SQLite with 1,000,000 items: 20 microseconds more for an INSERT in its own
transaction (89 instead of 68), or 43 if references come in random order (a whole request takes
about 1000), and 50 bytes an item.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queues", "0004_texts_in_any_language"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="queueitem",
            index=models.Index(
                fields=["reference", "created_date"], name="ix_Queues_reference_created"
            ),
        ),
    ]
