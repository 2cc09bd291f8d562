"""Forms that overwrite nobody.

Robots and the scheduler change rows while people look at them. So a form remembers what it showed
(in hidden fields, which Django calls initial), saves only the fields that the person changed, and
saves nothing if one of those has another value by now.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.timezone import is_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.database.model_fields import EARLIEST


class PlainTextField(forms.CharField):
    """A text of any number of lines, of which nothing is cut off; empty is null.

    Browsers send each line's end as CR LF, whatever it was.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, "empty_value": None, **kwargs})

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return text and text.replace("\r\n", "\n").replace("\r", "\n")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial), data)


class RowsField(forms.ModelMultipleChoiceField):
    """Refuse ids that the column can't hold: the database would raise an error."""

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            self.queryset.model._meta.pk.clean(pk, None)  # type: ignore[union-attr]
        return super()._check_values(value)  # type: ignore[misc]


def validate_local_time(moment: datetime) -> None:
    """As the API's `created_date`: what SQL Server's `datetime` can hold, and no offset."""
    if is_aware(moment) or moment < EARLIEST:
        raise ValidationError(_("Must be a time without an offset, from the year 1753 on."))


class OptimisticLockingForm(forms.ModelForm):
    """Refuses to change a field that has another value in the database than the form showed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            value = self.initial.get(name)
            choices = getattr(field, "choices", None)
            if value and isinstance(value, str) and choices and value not in dict(choices):
                # A browser would choose the first one instead, and send it as a change.
                field.choices = [(value, value), *choices]  # type: ignore[attr-defined]

    def full_clean(self) -> None:
        """What stands in the row and is not touched may be wrong: it is not saved, nor judged."""
        super().full_clean()
        if self.is_bound and not self.instance._state.adding:
            for name in set(self.fields).difference(self.changed_data):
                self.errors.pop(name, None)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance._state.adding:
            return cleaned
        if not any(name.startswith("initial-") for name in self.data):
            return cleaned  # a program, which was not shown anything
        conflicts = [name for name in self.changed_data if self.has_conflict(name)]
        for name in conflicts:
            self.add_error(name, self.conflict_message(name))
        if conflicts:
            self.show_current_values()
        return cleaned

    def has_conflict(self, name: str) -> bool:
        """Whether this field has another value in the database than the form showed."""
        bound = self[name]
        field = bound.field
        shown = field.hidden_widget().value_from_datadict(
            self.data, self.files, bound.html_initial_name
        )
        # As the field would read it: a text without the white space that it cuts off.
        return field.has_changed(field.to_python(field.prepare_value(bound.initial)), shown)

    def conflict_message(self, name: str) -> str:
        bound = self[name]
        value = bound.field.prepare_value(bound.initial)
        choices = dict(getattr(bound.field, "choices", []))
        if isinstance(value, list):
            present = ", ".join(str(choices.get(each, each)) for each in value)
        else:
            present = choices.get(value, value)
        return gettext(
            "Nothing was saved: somebody else, or a robot, changed this while the form was open. "
            "It is now: %(present)s. If your value is still right, save again."
        ) % {"present": gettext("(empty)") if present in (None, "") else present}

    def show_current_values(self) -> None:
        """Make the form show the present row, with what the person changed on top."""
        data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
        changed = set(self.changed_data)
        for name in self.fields:
            bound = self[name]
            hidden = bound.field.hidden_widget()
            present = hidden.format_value(bound.field.prepare_value(bound.initial))
            values = present if isinstance(present, list) else ["" if present is None else present]
            data.setlist(bound.html_initial_name, values)
            if name not in changed:
                is_off = isinstance(bound.field, forms.BooleanField) and not bound.initial
                data.setlist(bound.html_name, [] if is_off else values)
        self.data = data

    def _save_m2m(self) -> None:
        """As Django does, for the fields that were changed."""
        everything = self.cleaned_data
        self.cleaned_data = {name: everything[name] for name in self.changed_data}
        super()._save_m2m()  # type: ignore[misc]
        self.cleaned_data = everything


class ConflictError(Exception):
    """The row changed between our look at it and our write."""


# The `datetime` of OpenOrchestrator's columns has steps of 1/300 s, and SQL Server compares the
# exact step with what was read of it, which has three digits.
STEP = timedelta(milliseconds=2)


def is_still(values: dict[str, Any]) -> Q:
    """Rows whose fields have these values."""
    return Q(
        *(
            Q((f"{name}__range", (value - STEP, value + STEP)))
            if isinstance(value, datetime)
            else Q((name, value))
            for name, value in values.items()
        )
    )


class OptimisticLockingAdmin(AuditedAdmin):
    form = OptimisticLockingForm
    formfield_overrides = {
        models.ManyToManyField: {"form_class": RowsField},
        # A control of the browser's own: no script, and its text is ISO 8601.
        models.DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput(
                format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
            ),
        },
    }

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = True
            if isinstance(db_field, models.DateTimeField):
                field.validators.append(validate_local_time)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ConflictError:
            text = _("Nothing was saved: the row changed at this very moment. Look at it again.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        before = audit.values(self.model._base_manager.get(pk=obj.pk))
        names = self.fields_to_save(obj, form)
        wanted = {name: getattr(obj, name) for name in names}
        # A trigger has its fields in two tables; each gets its UPDATE.
        for model in {obj._meta.get_field(name).model for name in names}:
            mine = [name for name in names if obj._meta.get_field(name).model is model]
            # What the form was checked against, which was read when the request began.
            checked = {name: form.initial[name] for name in mine if name in form.changed_data}
            row = model._base_manager.filter(is_still(checked), pk=obj.pk)
            if not row.update(**{name: wanted[name] for name in mine}):
                raise ConflictError
        form.difference = audit.difference(self.model, before, {**before, **wanted})

    def fields_to_save(self, obj: Any, form: Any) -> list[str]:
        own = {field.name for field in obj._meta.fields}
        return [name for name in form.changed_data if name in own]

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """What was stored, which need not be what was typed."""
        stored = audit.difference(self.model, {}, audit.values(obj))
        return super().log_addition(request, obj, stored)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        if not hasattr(form, "difference"):  # of a password, or of a new row
            return super().construct_change_message(request, form, formsets, add)
        many = {field.name for field in self.opts.many_to_many}
        changes = super().construct_change_message(request, form, formsets, add)
        return form.difference + [change for change in changes if change["field"] in many]
