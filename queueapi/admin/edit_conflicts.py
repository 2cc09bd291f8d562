"""Optimistic locking: change forms of rows that robots and the scheduler change too.

A form holds the values that it showed in hidden fields (Django's `show_hidden_initial`). It saves
the changed fields only, and none if one of them has another value in the database by then.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.timezone import is_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.database.model_fields import EARLIEST

# OpenOrchestrator's `datetime` columns have steps of 1/300 s. SQL Server compares the exact step
# with the three digits that were read of it.
DATETIME_STEP = timedelta(milliseconds=2)


class PlainTextField(forms.CharField):
    """A text of several lines: nothing is stripped, line ends become LF, empty becomes null.

    Browsers send CR LF for each line end.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, "empty_value": None, **kwargs})

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}  # without `maxlength`: browsers truncate a pasted text silently

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return text and text.replace("\r\n", "\n").replace("\r", "\n")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial), data)


class LocalDateTimeField(forms.DateTimeField):
    """A time without an offset, in the range of SQL Server's `datetime`, as in the API."""

    def validate(self, value: datetime | None) -> None:
        super().validate(value)
        if value and (is_aware(value) or value < EARLIEST):
            raise ValidationError(_("Must be a time without an offset, from the year 1753 on."))


class ConflictError(Exception):
    """The row changed after the form was validated."""


class OptimisticLockingForm(forms.ModelForm):
    """Refuse to change a field that has another value in the database than the form showed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            value = self.initial.get(name)
            choices = getattr(field, "choices", None)
            if value and choices and value not in dict(choices):
                # A browser would select the first choice instead, and send it as a change.
                field.choices = [(value, value), *choices]  # type: ignore[attr-defined]

    def full_clean(self) -> None:
        """On a change, skip validation of unchanged fields.

        Refused values do not stay in the instance, of which the page shows more than its fields.
        """
        super().full_clean()
        if self.is_bound and not self.instance._state.adding:
            for name in set(self.fields).difference(self.changed_data):
                self.errors.pop(name, None)
            if self.errors:
                for name, value in self.initial.items():
                    setattr(self.instance, name, value)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        conflicts = [name for name in self.changed_data if self.has_conflict(name)]
        for name in conflicts:
            self.add_error(name, self.conflict_message(name))
        if conflicts:
            self.show_current_values()
        return cleaned

    def has_conflict(self, name: str) -> bool:
        """Return whether the field has another value in the database than the form showed.

        A request without the shown value, as programs send it, has no conflict.
        """
        bound = self[name]
        field = bound.field
        if bound.html_initial_name not in self.data:
            return False
        shown = field.hidden_widget().value_from_datadict(
            self.data, self.files, bound.html_initial_name
        )
        # `to_python` strips the current text as it strips the shown one.
        return field.has_changed(field.to_python(field.prepare_value(bound.initial)), shown)

    def conflict_message(self, name: str) -> str:
        bound = self[name]
        value = bound.field.prepare_value(bound.initial)
        value = dict(getattr(bound.field, "choices", [])).get(value, value)
        return gettext(
            "Nothing was saved: somebody else, or a robot, changed this while the form was open. "
            "It is now: %(value)s. If your value is still right, save again."
        ) % {"value": gettext("(empty)") if value in (None, "") else value}

    def show_current_values(self) -> None:
        """Show the values of the database as the initial ones, and in fields without a change."""
        data: Any = self.data
        self.data = data = data.copy()  # a QueryDict of a request is immutable
        for name in self.fields:
            bound = self[name]
            value = bound.field.prepare_value(bound.initial)
            text = bound.field.hidden_widget().format_value(value) or ""
            data[bound.html_initial_name] = text
            if name not in self.changed_data:
                data[bound.html_name] = text


def equal_lookups(values: dict[str, Any]) -> dict[str, Any]:
    """Return the lookups of rows that have these values."""
    lookups = {}
    for name, value in values.items():
        if isinstance(value, datetime):
            lookups[f"{name}__range"] = (value - DATETIME_STEP, value + DATETIME_STEP)
        else:
            lookups[name] = value
    return lookups


class OptimisticLockingAdmin(AuditedAdmin):
    form = OptimisticLockingForm
    formfield_overrides = {
        # The browser's own control needs no script, and sends ISO 8601.
        models.DateTimeField: {
            "form_class": LocalDateTimeField,
            "widget": forms.DateTimeInput(
                format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
            ),
        },
    }

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_dbfield(db_field, request, show_hidden_initial=True, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ConflictError:
            text = _("Nothing was saved: the row changed at this very moment. Look at it again.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Add a row, or update the changed fields of one; raises `ConflictError`."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        before = audit.values(self.model._base_manager.get(pk=obj.pk))
        after = {name: getattr(obj, name) for name in self.fields_to_save(obj, form)}
        # The parent's table and the child's get an UPDATE each, so that each checks its own.
        for model in [self.model, *self.model._meta.parents]:
            own = {field.name for field in model._meta.local_fields}.intersection(after)
            shown = {name: form.initial[name] for name in own.intersection(form.changed_data)}
            row = model._base_manager.filter(pk=obj.pk, **equal_lookups(shown))
            if own and not row.update(**{name: after[name] for name in own}):
                raise ConflictError
        form.changes = audit.difference(self.model, before, after)

    def fields_to_save(self, obj: Any, form: Any) -> list[str]:
        """Hook: return the names of the fields to update, for example with times of a status."""
        own = {field.name for field in obj._meta.fields}
        return [name for name in form.changed_data if name in own]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Log the stored values, which may differ from the form's."""
        stored = audit.difference(self.model, {}, audit.values(obj))
        return super().log_addition(request, obj, stored)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        return [] if add else form.changes
