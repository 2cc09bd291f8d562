"""The list of queue items and the page of an item."""

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.badges import badge
from queueapi.admin.bulk_actions import BulkActionsAdmin
from queueapi.admin.change_list import SCOPE_VAR, TEXTS
from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from queueapi.durations import format_datetime, format_duration
from queueapi.log_format import log_event
from queues import queue_statistics
from queues.admin.actions import ABANDON, DELETE, EXPORT, REQUEUE
from queues.admin.failures import FailuresPage
from queues.admin.filters import FILTERS
from queues.admin.forms import ItemForm, NewItemForm
from queues.admin.item_list import ItemList
from queues.admin.queue_page import QueuePage
from queues.export import ID_SIZE, csv_response, packed_ids
from queues.models import START, QueueItem

# Characters. A longer message is read-only, because its form could exceed the limit of a request.
LONGEST_EDITABLE = 50_000


@admin.register(QueueItem)
class QueueItemAdmin(FailuresPage, QueuePage, BulkActionsAdmin, OptimisticLockingAdmin):
    class Media:
        js = ["queueapi/cut_texts.js"]

    change_form_template = "queueapi/item_change_form.html"
    status_field = "status"
    constant_fields = ["data", "message"]
    actions = [REQUEUE, ABANDON, DELETE, EXPORT]
    list_display = ["queue_name", "state_and_duration", "shown_reference", "texts", "created"]
    list_display_links = ["queue_name", "shown_reference"]
    list_filter = FILTERS
    search_fields = ["reference", "id", "created_by", "message", "data"]
    search_help_text = _("Finds an id, or a reference from its beginning.")
    ordering = ["-created_date"]
    readonly_fields = [
        *("queue_name", "state", "formatted_data", "created_by", "created_date", "start_date"),
        *("end_date", "duration", "age", "id"),
    ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ItemList]:
        return ItemList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find the item with this id, or the items whose reference is the text or begins so."""
        text = search_term.strip()
        if not text or request.GET.get(SCOPE_VAR) == TEXTS:
            return super().get_search_results(request, queryset, search_term)
        with suppress(ValueError):
            pk = UUID(text)
            if QueueItem.objects.filter(pk=pk).exists():
                return queryset.filter(pk=pk), False
        return queryset.filter(reference__startswith=text), False

    @admin.display(description=_("status"), ordering="status")
    def state(self, item: QueueItem) -> str:
        return badge(item.status, item.get_status_display())

    @admin.display(description=_("reference"), ordering="reference", empty_value="–")
    def shown_reference(self, item: QueueItem) -> str | None:
        return item.reference or None

    @admin.display(description=_("message and data"), empty_value="–")
    def texts(self, item: Any) -> str | None:
        """Return the start of both texts, each on a line, and whole on hover and focus."""
        cut = gettext("… (cut here; the page of the item has all)")
        texts = [
            Truncator(each or "").chars(START, cut)
            for each in (item.start_of_message, item.start_of_data)
        ]
        lines = format_html_join("", '<span class="line">{}</span>', [(t,) for t in texts if t])
        return lines and format_html('<div class="cut" tabindex="0"><div>{}</div></div>', lines)

    @admin.display(description=_("age"))
    def age(self, item: QueueItem) -> str:
        return format_duration(timezone.now() - item.created_date, depth=1)

    @admin.display(description=_("status, duration"), ordering="status")
    def state_and_duration(self, item: QueueItem) -> str:
        duration = self.duration(item) if item.duration is not None else ""
        return format_html("{}<br>{}", self.state(item), duration)

    @admin.display(description=_("created"), ordering="created_date")
    def created(self, item: QueueItem) -> str:
        creator = gettext("by %(name)s") % {"name": item.created_by} if item.created_by else ""
        return format_html("{}<br>{}", format_datetime(item.created_date), creator)

    @admin.display(description=_("duration"))
    def duration(self, item: QueueItem) -> str:
        return format_duration(item.duration)

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        form = ItemForm if obj else NewItemForm
        return super().get_form(request, obj, *args, **{"form": form, **kwargs})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the values of the item with the id `?like=`, by the user."""
        initial = {"created_by": request.user.get_username()}
        like = self.get_object(request, request.GET.get("like", ""))
        if like and self.has_view_permission(request, like):
            initial |= model_to_dict(like, ["queue_name", "data", "reference"])
            log_event("item.viewed", id=str(like.pk))
        return initial | super().get_changeform_initial_data(request)

    def get_fieldsets(self, request: HttpRequest, obj: QueueItem | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        status = "status" if self.has_change_permission(request, obj) else "state"
        return [
            (None, {"fields": ["queue_name", status, "reference", "message"]}),
            (_("Data"), {"fields": ["formatted_data", "data"]}),
            (_("Times"), {"fields": ["created_date", "start_date", "end_date", "duration", "age"]}),
            (_("Origin"), {"fields": ["created_by", "id"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: QueueItem | None = None) -> list[str]:
        if obj is None:
            return []
        too_long = len(obj.message or "") > LONGEST_EDITABLE
        return [*self.readonly_fields, *(["message"] if too_long else [])]

    @admin.display(description=_("formatted"))
    def formatted_data(self, item: QueueItem) -> str:
        """Return the data as indented HTML if it is JSON, otherwise as stored; log the view."""
        log_event("item.viewed", id=str(item.pk))
        if not item.data:
            return "–"
        try:
            text = json.dumps(json.loads(item.data), indent=2, ensure_ascii=False)
            text.encode()  # a lone surrogate, which JSON can escape, can't go into a page
        except (ValueError, RecursionError):
            text = item.data
        pre = '<pre class="data" data-copy="{}" data-copy-name="data">{}</pre>'
        return format_html(pre, item.data, text)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.after_change()

    def fields_to_save(self, obj: QueueItem, form: Any) -> list[str]:
        changed = super().fields_to_save(obj, form)
        if "status" in changed:
            changed += [name for name in obj.set_status(obj.status) if name not in changed]
        return changed

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        response = super().history_view(request, object_id, extra_context)
        if response.status_code == 200:  # else there is no such item
            log_event("item.viewed", id=object_id)
        return response

    def export(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase:
        ids = packed_ids(queryset)
        audit.record_export(request.user.pk, QueueItem, len(ids) // ID_SIZE)
        log_event("items.exported", count=len(ids) // ID_SIZE)
        return csv_response(ids)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Show the action's confirmation page, which deletes an item in the shown status only."""
        if request.method == "GET" and self.has_delete_permission(request):
            item = self.get_object(request, unquote(object_id))
            if item is not None:
                rows = self.get_queryset(request).filter(pk=item.pk)
                return self.confirm(request, rows, DELETE)
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: QueueItem) -> None:
        super().delete_model(request, obj)
        self.after_change()

    def deletion_message(self, item: QueueItem) -> list[audit.Change]:
        """Leave out the data: personal data may be the reason for the deletion."""
        return audit.difference(QueueItem, {"status": item.status}, {"status": None})

    def after_change(self) -> None:
        transaction.on_commit(queue_statistics.invalidate)
