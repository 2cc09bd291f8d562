"""The list of queue items, and the page of each."""

import json
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

from queueapi.admin import audit
from queueapi.admin.badges import badge
from queueapi.admin.bulk_actions import Action, BulkActionsAdmin
from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from queueapi.admin.model_admin import UncountedList
from queueapi.admin.selected_rows import SelectedRows
from queueapi.durations import format_datetime, format_duration
from queues import queue_statistics
from queues.admin.actions import ABANDON, DELETE, EXPORT, REQUEUE
from queues.admin.filters import CreatedFilter, EndedFilter, QueueFilter, StuckFilter
from queues.admin.forms import ItemForm, NewItemForm
from queues.export import csv_response
from queues.models import QueueItem

# Beyond this a form would be larger than a request may be; it shows such a text and lets it be.
LONGEST_EDITABLE = 50_000


class ItemList(UncountedList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet:
        """Without the long texts, which the list does not show."""
        return super().get_queryset(*args, **kwargs).defer("data", "message")


@admin.register(QueueItem)
class QueueItemAdmin(BulkActionsAdmin, OptimisticLockingAdmin):
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
    change_form_template = "queueapi/row_change_form.html"
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
        return format_duration(timezone.now() - item.created_date, depth=1)

    @admin.display(description=_("created"), ordering="created_date")
    def created(self, item: QueueItem) -> str:
        return format_datetime(item.created_date)

    @admin.display(description=_("duration"))
    def took(self, item: QueueItem) -> str:
        return format_duration(item.duration)

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
                    "fields": {
                        "action": action.name,
                        ACTION_CHECKBOX_NAME: item.pk,
                        # Then this page again, unless there is nothing left to show.
                        "back": "" if action.deletes else request.path,
                    },
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
        return self.confirm_or_run(request, queryset, REQUEUE)

    @admin.action(description=_("Abandon"), permissions=["change"])
    def abandon(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, ABANDON)

    @admin.action(description=_("Delete"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, DELETE)

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, EXPORT)

    def do(
        self, request: HttpRequest, selection: SelectedRows, action: Action
    ) -> HttpResponseBase | None:
        if action.changes:
            return super().do(request, selection, action)
        audit.record_export(request.user.pk, QueueItem, selection.counts.total())
        return csv_response(ids for _, ids in selection.batches())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Asks as the action does, which deletes an item only as it was shown."""
        if request.method == "GET" and self.has_delete_permission(request):
            item = self.get_object(request, unquote(object_id))
            if item is not None:
                this = self.get_queryset(request).filter(pk=item.pk)
                if question := self.ask(request, this, DELETE):
                    return question
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: QueueItem) -> None:
        super().delete_model(request, obj)
        self.after_change()

    def deletion_message(self, item: QueueItem) -> str:
        """Not its data, which may be why it is deleted."""
        return f"status: {item.status}"

    def after_change(self) -> None:
        transaction.on_commit(queue_statistics.invalidate)
