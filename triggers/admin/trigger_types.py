"""The pages of triggers, one for each trigger type."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from queueapi.admin.bulk_actions import BulkActionsAdmin
from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from queueapi.admin.links import page_url
from queueapi.durations import format_datetime
from triggers.admin.forms import TriggerForm
from triggers.admin.job_page import job_badge
from triggers.admin.triggers import TriggerAdmin, one_click_actions
from triggers.cron import in_words, next_times
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger
from triggers.models.schedulers import Job, read

MAX_JOBS = 20


class TriggerTypeAdmin(BulkActionsAdmin, OptimisticLockingAdmin):
    """The page of a trigger.

    Only superusers may change `process_fields`, which can run any program on the robots' machines.
    """

    change_form_template = "triggers/trigger_change_form.html"
    form = TriggerForm
    state = TriggerAdmin.state
    process_fields = ["process_path", "process_args", "is_git_repo", "git_branch"]
    start_fields: list[str]
    readonly_fields = ["last_run", "id", "state"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        status = "process_status" if may_change else "state"
        return [
            (None, {"fields": ["trigger_name", status, "last_run"]}),
            (_("When it starts"), {"fields": [*self.start_fields, "priority", "is_blocking"]}),
            (_("Where it runs"), {"fields": ["scheduler_whitelist"]}),
            (_("What it runs"), {"fields": ["process_name", *self.process_fields, "id"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        protected = [] if request.user.is_superuser else self.process_fields
        return [*self.readonly_fields, *protected]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}  # the menu has one entry for all trigger types

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(page_url(Trigger, type__exact=self.model.trigger_type))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return redirect("admin:triggers_trigger_history", object_id)

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context = super().row_context(request, row)
        if request.user.has_perm("triggers.view_job"):
            of_process = Job.objects.filter(process_name=row.process_name)
            jobs = read(of_process.order_by("-start_time")[:MAX_JOBS])
            context["jobs"] = jobs and [(job, job_badge(job)) for job in jobs]
            # A table that can't be read at all has no place on the page.
            context["has_jobs"] = jobs is not None or read(Job.objects.all()[:1]) is not None
        return context

    def row_buttons(self, request: HttpRequest, row: Any) -> Iterator[dict[str, Any]]:
        if self.has_change_permission(request, row):
            fields = {"shown": row.process_status}
            for action, url in one_click_actions(row):
                yield {"title": action.label, "url": url, "fields": fields}


@admin.register(SingleTrigger)
class SingleTriggerAdmin(TriggerTypeAdmin):
    start_fields = ["next_run"]


@admin.register(ScheduledTrigger)
class ScheduledTriggerAdmin(TriggerTypeAdmin):
    start_fields = ["cron_expr", "in_words", "next_times", "next_run"]
    readonly_fields = [*TriggerTypeAdmin.readonly_fields, "in_words", "next_times"]

    @admin.display(description=_("in words"))
    def in_words(self, trigger: ScheduledTrigger) -> str:
        return in_words(trigger.cron_expr) or "–"

    @admin.display(description=_("next five times"))
    def next_times(self, trigger: ScheduledTrigger) -> str:
        """Return the times from the next run on, which may be that of the expression."""
        minute = timedelta(minutes=1)
        after = max(timezone.now() + minute, trigger.next_run) - minute
        times = next_times(trigger.cron_expr, after, 5)
        return format_html_join(", ", "{}", [(format_datetime(time),) for time in times]) or "–"

    def fields_to_save(self, obj: ScheduledTrigger, form: Any) -> list[str]:
        changed = super().fields_to_save(obj, form)
        if "cron_expr" in changed and "next_run" not in changed:
            [obj.next_run] = next_times(obj.cron_expr, timezone.now(), 1)
            changed.append("next_run")
        return changed


@admin.register(QueueTrigger)
class QueueTriggerAdmin(TriggerTypeAdmin):
    start_fields = ["queue_name", "min_batch_size"]
