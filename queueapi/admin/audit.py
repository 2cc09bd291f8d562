"""Audit log: entries of Django's admin log, with the old and the new value of each field."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import CharField, DateTimeField, Field, Model, QuerySet, TextField
from django.utils import translation
from django.utils.translation import gettext

from queueapi.database.model_fields import truncate
from queueapi.log_format import log_event

EVENTS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}
SECRETS = {"password", "hashed_secret"}  # fields whose values are never logged
MAX_TEXT = 2000  # characters of a value
MAX_OBJECT_REPR = 200  # UTF-16 units of the column

# `{"field": "status", "old": "FAILED", "new": "NEW"}`; the field alone for a secret.
Change = dict[str, Any]

encoder = DjangoJSONEncoder(ensure_ascii=False)
django_change_message = LogEntry.get_change_message


def values(row: Model) -> dict[str, Any]:
    """Return the values of the row's columns by field name, without secrets."""
    fields = (field for field in row._meta.concrete_fields if field.name not in SECRETS)
    return {field.name: field.value_from_object(row) for field in fields}


def difference(
    model: type[Model], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Change]:
    """Return the changes of the model's fields, for `record`; other names are skipped."""
    fields = {field.name for field in model._meta.get_fields()}
    changes: list[Change] = []
    for name, new in after.items():
        old = before.get(name)
        if name in SECRETS:
            changes.append({"field": name})
        elif name in fields and old != new:
            changes.append({"field": name, "old": _loggable(old), "new": _loggable(new)})
    return changes


def _loggable(value: Any) -> Any:
    """Return rows of other tables as a list of their names, and long texts truncated."""
    if isinstance(value, list | QuerySet):
        with translation.override(None):  # names of permissions are translated
            return sorted(str(row) for row in value)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
    return value


def record(user_pk: Any, flag: int, entries: Iterable[tuple[Model, list[Change] | str]]) -> None:
    """Log that this user added, changed or deleted (`flag`) each row, with changes or a sentence.

    Names of rows and sentences are logged in English. Changes of users are events of the log, too.
    """
    entries = list(entries)
    for row, _message in entries:
        if isinstance(row, User):
            log_event(f"user.{EVENTS[flag]}", name=row.username)
    with translation.override(None):
        LogEntry.objects.bulk_create(
            LogEntry(
                user_id=user_pk,
                content_type_id=ContentType.objects.get_for_model(logged_model(row)).pk,
                object_id=row.pk,
                object_repr=truncate(str(row), MAX_OBJECT_REPR),
                action_flag=flag,
                change_message=message if isinstance(message, str) else encoder.encode(message),
            )
            for row, message in entries
        )


def record_update(
    user_pk: Any, queryset: QuerySet, names: Iterable[str], before: Iterable[Model]
) -> None:
    """Log that this user updated these rows: how their fields `names` differ from those before."""
    # Values, because a batch with instances takes half as long again.
    after = {values["pk"]: values for values in queryset.values("pk", *names)}
    changes = [(row, difference(type(row), row.__dict__, after[row.pk])) for row in before]
    record(user_pk, CHANGE, changes)


def record_export(user_pk: Any, model: type[Model], count: int) -> None:
    """Log that this user exported `count` rows."""
    with translation.override(None):
        rows = str(model._meta.verbose_name_plural)
    LogEntry.objects.create(
        user_id=user_pk,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=f"{count} {rows}",
        action_flag=CHANGE,
        change_message="Exported as CSV; nothing changed.",
    )


def logged_model(row: Model) -> type[Model]:
    """Return the model of the row's log entries, which is the parent's for a child table."""
    return [row._meta.model, *row._meta.get_parent_list()][-1]


def history(row: Model) -> QuerySet[LogEntry]:
    """Return the 20 newest entries of a row, with their users."""
    content_type = ContentType.objects.get_for_model(logged_model(row))
    entries = LogEntry.objects.filter(content_type=content_type, object_id=row.pk)
    return entries.select_related("user")[:20]


def change_message(entry: LogEntry) -> str:
    """Return what changed, in the active language; replaces `LogEntry.get_change_message`.

    For example `status: FAILED → NEW; ended: 2026-11-24 10:03:00 → (empty)`.
    """
    if not entry.change_message.startswith('[{"field":'):
        return django_change_message(entry)
    try:
        changes = json.loads(entry.change_message)
        return "; ".join(_sentence(entry, **change) for change in changes)
    except (ValueError, TypeError):  # somebody edited the row by hand
        return entry.change_message


def _sentence(entry: LogEntry, field: str, **values: Any) -> str:
    model_field = _field(entry, field)
    label = model_field.verbose_name if model_field else field
    shown = [_show(model_field, value) for value in values.values()]
    return f"{label}: {' → '.join(shown) or gettext('changed')}"


def _field(entry: LogEntry, name: str) -> Field | None:
    """Return the field of the entry's model or of a child of it, as triggers are logged."""
    if entry.content_type_id is None:
        return None
    model = ContentType.objects.get_for_id(entry.content_type_id).model_class()
    models = [model, *model.__subclasses__()] if model else []
    fields = (field for each in models for field in each._meta.get_fields())
    return next((each for each in fields if isinstance(each, Field) and each.name == name), None)


def _show(field: Field | None, value: Any) -> str:
    if value in (None, "", []):
        return gettext("(empty)")
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(field, DateTimeField):
        return str(value)[:19].replace("T", " ")
    is_text = field is None or (isinstance(field, CharField | TextField) and not field.choices)
    if is_text and isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return gettext(str(value)) if isinstance(value, bool) else str(value)


# Django has no setting for how its pages show an entry.
LogEntry.get_change_message = change_message  # type: ignore[method-assign, assignment]
