"""The one list for all triggers."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin.badges import badge
from queueapi.admin.bulk_actions import BulkActionsAdmin, is_ours
from queueapi.admin.selected_rows import SelectedRows
from queueapi.durations import format_datetime
from triggers.admin.actions import ACTIONS, PAUSE, RESUME, SET_IDLE, one_click_actions
from triggers.cron import in_words
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger


def typed_trigger(trigger: Trigger) -> Any:
    """The trigger as a row of its kind's table, or itself if it has none."""
    try:
        return getattr(trigger, f"{trigger.type.lower()}trigger")
    except (AttributeError, ObjectDoesNotExist):
        return trigger


def page_of(trigger: Trigger) -> str:
    row = typed_trigger(trigger)
    return reverse(f"admin:triggers_{row._meta.model_name}_change", args=[trigger.pk])


@admin.register(Trigger)
class TriggerAdmin(BulkActionsAdmin):
    status_field = "process_status"
    actions = ["pause", "resume", "set_idle"]
    list_display = ["name", "state"]
    details = ["type", "process_name", "starts", "ran", "priority", "machines"]
    list_display_links = None
    list_filter = ["type", "process_status"]
    list_select_related = ["singletrigger", "scheduledtrigger", "queuetrigger"]
    search_fields = ["trigger_name", "process_name", "queuetrigger__queue_name"]
    search_help_text = _("Searches name, process and queue.")
    ordering = ["trigger_name"]

    @admin.display(description=_("name"), ordering="trigger_name")
    def name(self, trigger: Trigger) -> str:
        return format_html('<a href="{}">{}</a>', page_of(trigger), trigger.trigger_name)

    @admin.display(description=_("status"), ordering="process_status")
    def state(self, trigger: Trigger) -> str:
        return badge(trigger.process_status, trigger.get_process_status_display())

    @admin.display(description=_("last run"), ordering="last_run")
    def ran(self, trigger: Trigger) -> str:
        return format_datetime(trigger.last_run)

    @admin.display(description=_("starts"))
    def starts(self, trigger: Trigger) -> str:
        row = typed_trigger(trigger)
        match row:
            case SingleTrigger():
                return format_datetime(row.next_run)
            case ScheduledTrigger():
                return format_html(
                    '{}<br><code>{}</code> <span class="quiet">{}</span>',
                    format_datetime(row.next_run),
                    row.cron_expr,
                    in_words(row.cron_expr) or "",
                )
            case QueueTrigger():
                words = gettext("%(queue)s, from %(size)s items on")
                return words % {"queue": row.queue_name, "size": row.min_batch_size}
        return "–"

    @admin.display(description=_("machines"))
    def machines(self, trigger: Trigger) -> str:
        return ", ".join(trigger.machines) or gettext("any")

    @admin.display(description=_("at once"))
    def buttons(self, trigger: Trigger) -> str:
        return format_html_join(
            " ",
            '<button class="button small" formaction="{}" formnovalidate name="shown" value="{}" '
            'aria-label="{} {}">{}</button>',
            [
                (url, trigger.process_status, action.title, trigger, action.title)
                for action, url in one_click_actions(trigger)
                if not action.warns_of(trigger.process_status)
            ],
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        buttons = ["buttons"] if self.has_change_permission(request) else []
        return [*self.list_display, *buttons, *self.details]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Its own page is only for a row that has none in the table of its kind.
        return obj is None and super().has_change_permission(request)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        trigger = self.get_object(request, object_id)
        if trigger is None or typed_trigger(trigger) is trigger:
            return super().change_view(request, object_id, *args, **kwargs)
        return HttpResponseRedirect(page_of(trigger))

    def get_urls(self) -> list[Any]:
        one_click = self.admin_site.admin_view(self.one_click)
        return [
            path("<uuid:pk>/at-once/<slug:name>/", one_click, name="triggers_trigger_at_once"),
            *super().get_urls(),
        ]

    def one_click(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponseBase:
        """An action on one trigger without a question, if it is still as the page showed it."""
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        if request.method != "POST":  # somebody reloads the question
            return HttpResponseRedirect(reverse("admin:triggers_trigger_changelist"))
        if not self.has_change_permission(request):
            raise PermissionDenied
        shown = request.POST.get("shown", "")
        if not action.takes(shown):
            raise Http404  # no page has this button
        if action.warns_of(shown):
            rows = Trigger.objects.filter(pk=pk, process_status=shown)
            question = self.ask(request, rows, action)
            if question is not None:
                return question
        else:
            self.do(request, SelectedRows(request.user.pk, name, {shown: [pk.hex]}), action)
        back = request.headers.get("Referer", "")
        if not is_ours(request, back):
            back = reverse("admin:triggers_trigger_changelist")
        return HttpResponseRedirect(back)

    @admin.action(description=_("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, PAUSE)

    @admin.action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, RESUME)

    @admin.action(description=_("Set idle"), permissions=["change"])
    def set_idle(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.confirm_or_run(request, queryset, SET_IDLE)
