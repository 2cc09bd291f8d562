"""Surroundings that would make the project fail late, or in silence."""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from queueapi.database.columns import columns_of, schema_errors
from queueapi.database.existing_tables import OURS


@register()
def check_clock(**kwargs: Any) -> list[CheckMessage]:
    """Django sets the process's zone from `TIME_ZONE`, but not on Windows."""
    zone = ZoneInfo(settings.TIME_ZONE)
    for week in range(53):  # for a year: zones may differ in summer only
        moment = time.time() + week * 7 * 24 * 60 * 60
        if datetime.fromtimestamp(moment) != datetime.fromtimestamp(moment, zone).replace(
            tzinfo=None
        ):
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
    """Runs with `check --database default`, and before each `migrate`."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        try:
            messages += _messages(connections[alias])
        except Exception as error:  # drivers have their own for a parameter that they don't know
            messages.append(
                Error(
                    f"The database can't be asked: {error}",
                    hint="Look at DATABASE_URL, whether its server can be reached from here, and "
                    "whether the driver that it names is installed.",
                    id="queueapi.E001",
                )
            )
    return messages


def _messages(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    pending = any(m.app_label in OURS for m, _ in executor.migration_plan(leaves))
    models = [model for model in apps.get_models() if model._meta.app_label in OURS]
    if pending:  # what is not there at all, they will make
        models = [model for model in models if columns_of(connection, model._meta.db_table)]
    found = [(model, sentence) for model in models for sentence in schema_errors(connection, model)]
    if pending:
        # An error would keep `migrate`, which may be the remedy, from running.
        return [
            Warning(
                sentence,
                hint="Migrations are waiting that may change it: manage.py migrate.",
                obj=model,
                id="queueapi.W002",
            )
            for model, sentence in found
        ]
    return [
        Error(
            sentence,
            hint="docs/adopt-openorchestrator.md has what is needed and why. To migrate all the "
            "same, add --skip-checks.",
            obj=model,
            id="queueapi.E002",
        )
        for model, sentence in found
    ]
