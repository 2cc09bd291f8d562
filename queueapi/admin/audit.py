"""Who changed what, from what to what: entries of the admin's log.

They are written in English whoever reads them, with the values as the database has them.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Field, Model, QuerySet
from django.utils import translation

from queueapi.database.model_fields import truncate

SECRET = {"password", "hashed_secret"}  # whose values are written nowhere
LONGEST = 2000  # characters of one value
OBJECT_REPR = 200  # what the log's column holds, in UTF-16 units


def values(row: Model) -> dict[str, Any]:
    """What the row's fields hold now, by name, without secrets."""
    fields = (field for field in row._meta.concrete_fields if field.name not in SECRET)
    return {field.name: field.value_from_object(row) for field in fields}


def difference(model: type[Model], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """One line: `status: FAILED → NEW; ended: 2026-11-24 10:03:00 → (empty)`."""
    changes = []
    for name, new in after.items():
        old = before.get(name)
        if name in SECRET:
            changes.append(f"{label(model, name)}: changed")
        elif old != new:
            changes.append(
                f"{label(model, name)}: {show(model, name, old)} → {show(model, name, new)}"
            )
    return "; ".join(changes)


def label(model: type[Model], name: str) -> str:
    with translation.override(None):
        field = next((field for field in model._meta.get_fields() if field.name == name), None)
        return str(field.verbose_name) if isinstance(field, Field) else name


def show(model: type[Model], name: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "(empty)"
    if isinstance(value, list):
        return ", ".join(sorted(str(each) for each in value))
    if isinstance(value, str) and not getattr(model._meta.get_field(name), "choices", None):
        value = json.dumps(value, ensure_ascii=False)
    text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def record(user_pk: Any, flag: int, entries: Iterable[tuple[Model, str]]) -> None:
    """Log that this user added, changed or deleted (`flag`) these rows, with a message for each."""
    with translation.override(None):
        LogEntry.objects.bulk_create(
            LogEntry(
                user_id=user_pk,
                content_type_id=ContentType.objects.get_for_model(row, for_concrete_model=False).pk,
                object_id=row.pk,
                object_repr=truncate(str(row), OBJECT_REPR),
                action_flag=flag,
                change_message=message,
            )
            for row, message in entries
        )


def history(row: Model, length: int = 20) -> QuerySet[LogEntry]:
    """The newest entries of a row, with their users."""
    kind = row._meta
    return LogEntry.objects.filter(
        content_type__app_label=kind.app_label,
        content_type__model=kind.model_name,
        object_id=row.pk,
    ).select_related("user")[:length]


def record_export(user_pk: Any, model: type[Model], count: int) -> None:
    """Log that this user took so many rows away with them."""
    with translation.override(None):
        rows = str(model._meta.verbose_name_plural)
    LogEntry.objects.create(
        user_id=user_pk,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=f"{count} {rows}",
        action_flag=CHANGE,
        change_message="Exported as CSV; nothing changed.",
    )
