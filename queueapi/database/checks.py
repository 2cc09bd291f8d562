"""System checks of the machine's time zone and of the database's columns."""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from queueapi.database.columns import columns_of, schema_errors
from queueapi.database.existing_tables import OURS

WEEK = 7 * 24 * 60 * 60  # seconds


@register()
def check_clock(**kwargs: Any) -> list[CheckMessage]:
    """Compare `TIME_ZONE` with the process's zone, which Django can't set on Windows."""
    zone = ZoneInfo(settings.TIME_ZONE)
    for week in range(53):  # since some zones differ in summer only
        moment = time.time() + week * WEEK
        in_zone = datetime.fromtimestamp(moment, zone)
        if datetime.fromtimestamp(moment) != in_zone.replace(tzinfo=None):
            return [
                Warning(
                    f"TIME_ZONE is {settings.TIME_ZONE}, and this machine's clock is set to "
                    "another zone.",
                    hint="Times would be stored in the machine's zone, and times with an offset "
                    "converted to the other. Set the machine's zone (tzutil /s on Windows), or "
                    "take TIME_ZONE out.",
                    id="queueapi.W001",
                )
            ]
    return []


@register(Tags.database)
def check_columns(databases: Collection[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Compare columns with models: in `check --database default`, and before each `migrate`."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        try:
            messages += _schema_messages(connections[alias])
        except Exception as error:  # drivers raise errors of their own for unknown parameters
            messages.append(
                Error(
                    f"The database can't be asked: {error}",
                    hint="Look at DATABASE_URL, whether its server can be reached from here, and "
                    "whether the driver that it names is installed.",
                    id="queueapi.E001",
                )
            )
    return messages


def _schema_messages(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    models = [m for m in apps.get_models() if m._meta.app_label in OURS and m._meta.managed]
    if any(migration.app_label in OURS for migration, _ in plan):
        models = [model for model in models if columns_of(connection, model._meta.db_table)]
        # An error would keep `migrate` from running, which may be the remedy.
        hint = "Migrations are waiting that may change it: manage.py migrate."
        level, check_id = WARNING, "queueapi.W002"
    else:
        hint = (
            "docs/adopt-openorchestrator.md has what is needed and why. To migrate all the same, "
            "add --skip-checks."
        )
        level, check_id = ERROR, "queueapi.E002"
    return [
        CheckMessage(level, sentence, hint, model, check_id)
        for model in models
        for sentence in schema_errors(connection, model)
    ]
