"""Tables of OpenOrchestrator's schedulers, which our migrations do not create."""

from collections.abc import Iterator

import pytest
from django.db import connection

from triggers.models.schedulers import Job, Log, Scheduler


@pytest.fixture
def scheduler_tables(db: None) -> Iterator[None]:
    """Create the tables during the test, which may drop them."""
    # Not `create_model()`, because SQLite's editor can't be entered in a transaction.
    editor = connection.schema_editor()
    with connection.cursor() as cursor:
        for model in (Scheduler, Job, Log):
            cursor.execute(editor.table_sql(model)[0])
        yield
        for model in (Scheduler, Job, Log):
            cursor.execute(f'DROP TABLE IF EXISTS "{model._meta.db_table}"')
