"""Queue items in the back office."""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from queueapi import audit
from queueapi.admin.badges import badge
from queueapi.admin.base import UncountedList
from queueapi.admin.bulk import Action, BulkAdmin
from queueapi.admin.editing import CarefulAdmin, CarefulForm, PlainTextField
from queueapi.admin.filters import BetweenFilter
from queueapi.admin.selection import Selection
from queueapi.spans import readable, short_time
from queues import statistics
from queues.export import csv_response
from queues.models import QueueItem
from queues.serializers import QueueItemSerializer

Status = QueueItem.Status

# Beyond this a form would be larger than a request may be; it shows such a text and lets it be.
LONGEST_EDITABLE = 50_000

REQUEUE = Action(
    name="requeue",
    title=_("Requeue"),
    explanation=_(
        "They become New, as if they had just come, and robots take them again. "
        "When they were started and ended is cleared."
    ),
    verb=lambda items: items.requeue(),
    leaves=[Status.NEW],
    warnings=[
        (Status.IN_PROGRESS, _("A robot may still be at work on those in progress.")),
        (Status.DONE, _("What is done will be done a second time.")),
    ],
)
ABANDON = Action(
    name="abandon",
    title=_("Abandon"),
    explanation=_("They become Abandoned, and no robot takes them."),
    verb=lambda items: items.abandon(),
    leaves=[Status.ABANDONED],
    warnings=[
        (Status.IN_PROGRESS, _("A robot may still be at work on those in progress.")),
        (Status.DONE, _("What is done stays done; only its status changes.")),
    ],
)
DELETE = Action(
    name="delete_selected",
    title=_("Delete"),
    explanation=_("They are gone for good. The log keeps their names and who deleted them."),
    verb=lambda items: items.delete(),
    warnings=[(Status.IN_PROGRESS, _("A robot may still be at work on those in progress."))],
    deletes=True,
)
EXPORT = Action(
    name="export",
    title=_("Export as CSV"),
    explanation=_("A file for a spreadsheet, with all fields. Nothing changes."),
    verb=None,
)


class NewItemForm(forms.ModelForm):
    """Takes what `POST /api/queue` takes, by the same serializer."""

    queue_name = PlainTextField(label=_("Queue"), widget=forms.TextInput)
    status = forms.ChoiceField(label=_("Status"), choices=Status.choices, initial=Status.NEW)
    data = PlainTextField(  # type: ignore[assignment]  # Django takes it out of the class again
        label=_("Data"),
        required=False,
        widget=forms.Textarea,
        help_text=_("A text, or JSON; at most 2000 characters."),
    )
    reference = PlainTextField(
        label=_("Reference"),
        required=False,
        widget=forms.TextInput,
        help_text=_("Something by which the robot or you find it again."),
    )
    message = PlainTextField(label=_("Message"), required=False, widget=forms.Textarea)
    created_by = PlainTextField(label=_("Created by"), required=False, widget=forms.TextInput)
    created_date = forms.CharField(
        label=_("Created"),
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"type": "datetime-local", "step": "1"}),
        help_text=_("Empty: now."),
    )

    class Meta:
        model = QueueItem
        fields = [
            *("queue_name", "status", "data", "reference", "message"),
            *("created_by", "created_date"),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        self.serializer = QueueItemSerializer(data=cleaned)
        if not self.serializer.is_valid():
            for name, errors in self.serializer.errors.items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, list(errors))
        return cleaned

    def _post_clean(self) -> None:
        """No second opinion: the model's own checks are not those of the API."""

    def save(self, commit: bool = True) -> QueueItem:
        item: QueueItem = self.serializer.save()
        return item

    def save_m2m(self) -> None:
        """There are none."""


class ItemForm(CarefulForm):
    class Meta:
        field_classes = dict.fromkeys(("data", "reference", "message"), PlainTextField)
        widgets = {
            "data": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
            "reference": forms.Textarea(attrs={"rows": 1}),
            "message": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "status": _("New: robots take it again, and its times are cleared."),
            "reference": _("Something by which the robot or you find it again."),
        }


class QueueFilter(admin.SimpleListFilter):
    title = _("queue")
    parameter_name = "queue_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = statistics.queue_names()
        chosen = self.value()
        if chosen and chosen not in names:
            names = [chosen, *names]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() is None else queryset.filter(queue_name=self.value())


class CreatedFilter(BetweenFilter):
    title = _("created")
    parameter_name = "created"
    field_name = "created_date"


class EndedFilter(BetweenFilter):
    title = _("ended")
    parameter_name = "ended"

    def between(self, queryset: Any, first: datetime | None, last: datetime | None) -> Any:
        return queryset.ended_between(first, last) if first or last else queryset


class StuckFilter(admin.SimpleListFilter):
    title = _("stuck")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In progress for too long"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.stuck() if self.value() == "yes" else queryset.none()


class ItemList(UncountedList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet:
        """Without the long texts, which the list does not show."""
        return super().get_queryset(*args, **kwargs).defer("data", "message")


@admin.register(QueueItem)
class QueueItemAdmin(BulkAdmin, CarefulAdmin):
    status_field = "status"
    actions = ["requeue", "abandon", "delete_selected", "export"]
    list_display = [
        *("queue_name", "state", "shown_reference", "age", "created_by", "created", "took")
    ]
    list_display_links = ["queue_name", "shown_reference"]
    list_filter = [QueueFilter, "status", CreatedFilter, EndedFilter, StuckFilter]
    search_fields = ["reference", "id", "created_by", "message", "data"]
    search_help_text = _("Searches reference, id, created by, message and data.")
    ordering = ["-created_date"]
    change_form_template = "admin/row_change_form.html"
    readonly_fields = [
        *("queue_name", "state", "formatted_data", "created_by", "created_date", "start_date"),
        *("end_date", "took", "age", "id"),
    ]

    # The list.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UncountedList]:
        return ItemList

    @admin.display(description=_("status"), ordering="status")
    def state(self, item: QueueItem) -> str:
        return badge(item.status, item.get_status_display())

    @admin.display(description=_("reference"), ordering="reference", empty_value="–")
    def shown_reference(self, item: QueueItem) -> str | None:
        return item.reference or None

    @admin.display(description=_("age"), ordering="-created_date")
    def age(self, item: QueueItem) -> str:
        return readable(timezone.now() - item.created_date, depth=1)

    @admin.display(description=_("created"), ordering="created_date")
    def created(self, item: QueueItem) -> str:
        return short_time(item.created_date)

    @admin.display(description=_("duration"))
    def took(self, item: QueueItem) -> str:
        return readable(item.duration)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        try:
            whole_id = QueueItem._meta.pk.to_python(search_term.strip())
        except forms.ValidationError:
            return found, may_repeat
        # Texts hold ids of other systems too.
        return found | queryset.filter(pk=whole_id), may_repeat

    # The page of an item.

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = ItemForm if obj else NewItemForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "created_by": request.user.get_username(),
            **super().get_changeform_initial_data(request),
        }

    def get_fieldsets(self, request: HttpRequest, obj: QueueItem | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": NewItemForm.Meta.fields})]
        may_change = self.has_change_permission(request, obj)
        status = "status" if may_change else "state"
        return [
            (None, {"fields": ["queue_name", status, "reference", "message"]}),
            (_("Data"), {"fields": ["formatted_data", "data"]}),
            (_("Times"), {"fields": ["created_date", "start_date", "end_date", "took", "age"]}),
            (_("Origin"), {"fields": ["created_by", "id"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: QueueItem | None = None) -> list[str]:
        if obj is None:
            return []
        too_long = len(obj.message or "") > LONGEST_EDITABLE
        return [*self.readonly_fields, *(["message"] if too_long else [])]

    @admin.display(description=_("formatted"))
    def formatted_data(self, item: QueueItem) -> str:
        """JSON with a line for each value; anything else as it is."""
        if not item.data:
            return "–"
        try:
            text = json.dumps(json.loads(item.data), indent=2, ensure_ascii=False)
            text.encode()  # a lone surrogate, which JSON can escape, can't go into a page
        except (ValueError, RecursionError):
            text = item.data
        return format_html('<pre class="data">{}</pre>', text)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (item := context.get("original")) is not None:
            context["history"] = audit.history(item)
            context["buttons"] = [
                {
                    "title": action.title,
                    "url": reverse("admin:queues_queueitem_changelist"),
                    "fields": {"action": action.name, ACTION_CHECKBOX_NAME: item.pk},
                }
                for action in self.actions_on(request, item)
            ]
            # That button asks about the status that the page shows; Django's own would not.
            context["show_delete"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def actions_on(self, request: HttpRequest, item: QueueItem) -> list[Action]:
        """What can be done with this item by the buttons of its page."""
        verbs = [REQUEUE, ABANDON] if self.has_change_permission(request, item) else []
        deletes = [DELETE] if self.has_delete_permission(request, item) else []
        return [action for action in verbs + deletes if action.takes(item.status)]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return super().save_form(request, form, change) if change else form.save()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        self.after_change()

    def fields_to_save(self, obj: QueueItem, form: Any) -> list[str]:
        changed = super().fields_to_save(obj, form)
        if "status" in changed:
            changed += [name for name in obj.set_status(obj.status) if name not in changed]
        return changed

    # Actions.

    @admin.action(description=_("Requeue"), permissions=["change"])
    def requeue(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, REQUEUE)

    @admin.action(description=_("Abandon"), permissions=["change"])
    def abandon(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, ABANDON)

    @admin.action(description=_("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, DELETE)

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, EXPORT)

    def do(
        self, request: HttpRequest, selection: Selection, action: Action
    ) -> HttpResponseBase | None:
        if action.changes:
            return super().do(request, selection, action)
        audit.record_export(request.user.pk, QueueItem, selection.counts.total())
        return csv_response(ids for _, ids in selection.batches())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Asks as the action does, which deletes an item only as it was shown."""
        if request.method == "GET" and self.has_delete_permission(request):
            item = self.get_queryset(request).filter(pk=unquote(object_id))
            if question := self.ask(request, item, DELETE):
                return question
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: QueueItem) -> None:
        super().delete_model(request, obj)
        self.after_change()

    def epitaph(self, item: QueueItem) -> str:
        """Not its data, which may be why it is deleted."""
        return f"status: {item.status}"

    def after_change(self) -> None:
        transaction.on_commit(statistics.forget)
