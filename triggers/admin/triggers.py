"""The list of all triggers, and one-click actions on them."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.admin.action_steps import result
from queueapi.admin.badges import badge
from queueapi.admin.bulk_actions import Action, BulkActionsAdmin
from queueapi.admin.filters import SeveralChoicesFilter
from queueapi.admin.links import change_url
from queueapi.durations import format_datetime
from triggers.admin.actions import KILL, PAUSE, RESUME, SET_IDLE
from triggers.admin.job_page import JobPage
from triggers.cron import in_words
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

logger = logging.getLogger(__name__)


def typed_trigger(trigger: Trigger) -> Any:
    """Return the row in the table of the trigger's type, or the trigger itself without one."""
    try:
        return getattr(trigger, f"{trigger.type.lower()}trigger")
    except (AttributeError, ObjectDoesNotExist):
        return trigger


def one_click_actions(trigger: Trigger) -> Iterator[tuple[Action, str]]:
    """Yield the actions that apply to the trigger's status, each with its one-click URL."""
    for action in TriggerAdmin.actions:
        if action.applies_to(trigger.process_status):
            yield action, reverse("admin:triggers_trigger_at_once", args=[trigger.pk, action.name])


@admin.register(Trigger)
class TriggerAdmin(JobPage, BulkActionsAdmin):
    status_field = "process_status"
    actions = [PAUSE, RESUME, SET_IDLE, KILL]
    list_display = ["name", "state"]
    details = ["type", "process_name", "starts", "shown_last_run", "priority", "machines"]
    list_display_links = None
    list_filter = ["type", ("process_status", SeveralChoicesFilter)]
    list_select_related = ["singletrigger", "scheduledtrigger", "queuetrigger"]
    search_fields = ["trigger_name", "process_name", "queuetrigger__queue_name"]
    search_help_text = _("Searches name, process and queue.")
    ordering = ["trigger_name"]

    @admin.display(description=_("name"), ordering="trigger_name")
    def name(self, trigger: Trigger) -> str:
        url = change_url(typed_trigger(trigger))
        return format_html('<a href="{}">{}</a>', url, trigger.trigger_name)

    @admin.display(description=_("status"), ordering="process_status")
    def state(self, trigger: Trigger) -> str:
        return badge(trigger.process_status, trigger.get_process_status_display())

    @admin.display(description=_("last run"), ordering="last_run")
    def shown_last_run(self, trigger: Trigger) -> str:
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

    @admin.display(description=_("actions"))
    def buttons(self, trigger: Trigger) -> str:
        return format_html_join(
            " ",
            '<button class="button small" formaction="{}" formnovalidate name="shown" value="{}" '
            'aria-label="{} {}">{}</button>',
            [
                (url, trigger.process_status, action.label, trigger, action.label)
                for action, url in one_click_actions(trigger)
                if trigger.process_status not in action.warnings
            ],
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        buttons = ["buttons"] if self.has_change_permission(request) else []
        return [*self.list_display, *buttons, *self.details]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The page of this model is only for triggers without a row in the table of their type.
        return obj is None and super().has_change_permission(request)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        trigger = self.get_object(request, object_id)
        if trigger is None or typed_trigger(trigger) is trigger:
            return super().change_view(request, object_id, *args, **kwargs)
        return HttpResponseRedirect(change_url(typed_trigger(trigger)))

    def get_urls(self) -> list[Any]:
        url = self.page_path("<uuid:pk>/at-once/<slug:name>/", self.one_click, "at_once")
        return [url, *super().get_urls()]

    def one_click(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponseBase:
        """Run an action on one trigger, without confirmation if it has no warning.

        The trigger must still have the status that the page with the button showed.
        """
        if request.method != "POST":  # a reload of the confirmation page
            return HttpResponseRedirect(self.changelist_url)
        if not self.has_change_permission(request):
            raise PermissionDenied
        action = next((action for action in self.actions if action.name == name), None)
        shown = request.POST.get("shown", "")
        if action is None or not action.applies_to(shown):
            raise Http404
        if shown in action.warnings:
            rows = Trigger.objects.filter(pk=pk, process_status=shown)
            return self.confirm(request, rows, action)
        try:
            changed = self.run_batch(request, action, {str(pk): shown})
            level, text = result(action, changed, skipped=1 - changed)
            self.message_user(request, text, level)
        except Error:
            logger.exception("Could not %s a trigger", name)
            self.refuse(request, gettext("the database failed. Try again."))
        return HttpResponseRedirect(self.back_url(request))
