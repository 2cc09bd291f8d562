"""A page for each of the three kinds of triggers."""

from typing import Any
from urllib.parse import urlencode

from cronsim import CronSim
from django.contrib import admin
from django.contrib.admin.models import DELETION
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.admin import audit
from queueapi.admin.badges import badge
from queueapi.admin.edit_conflicts import OptimisticLockingAdmin
from triggers.admin.actions import one_click_actions
from triggers.admin.forms import TriggerForm
from triggers.cron import in_words
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger


class TriggerTypeAdmin(OptimisticLockingAdmin):
    """The page of a trigger. What it runs is for superusers only to change.

    Whoever can change that can run any program on the robots' machines.
    """

    form = TriggerForm
    change_form_template = "queueapi/row_change_form.html"
    what_it_runs = ["process_path", "process_args", "is_git_repo", "git_branch"]
    when: list[str]
    readonly_when: list[str] = []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        status = "process_status" if self.has_change_permission(request, obj) else "state"
        sure = ["sure"] if self.has_change_permission(request, obj) else []
        return [
            (None, {"fields": ["trigger_name", status, "last_run", *sure]}),
            (_("When it starts"), {"fields": [*self.when, "priority", "is_blocking"]}),
            (_("Where it runs"), {"fields": ["scheduler_whitelist"]}),
            (_("What it runs"), {"fields": ["process_name", *self.what_it_runs, "id"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        protected = [] if request.user.is_superuser else self.what_it_runs
        return ["last_run", "id", "state", *self.readonly_when, *protected]

    @admin.display(description=_("status"))
    def state(self, trigger: Trigger) -> str:
        return badge(trigger.process_status, trigger.get_process_status_display())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}  # the menu has one entry for all kinds

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        url = reverse("admin:triggers_trigger_changelist")
        return HttpResponseRedirect(f"{url}?{urlencode({'type__exact': self.model.trigger_type})}")

    # The log knows triggers, whatever their kind.

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:triggers_trigger_history", args=[object_id]))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_change(request, self.as_trigger(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = [(self.as_trigger(row), self.deletion_message(row)) for row in queryset]
        return audit.record(request.user.pk, DELETION, entries)

    @staticmethod
    def as_trigger(row: Any) -> Trigger:
        return Trigger(pk=row.pk, trigger_name=row.trigger_name)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (trigger := context.get("original")) is not None:
            context["history"] = audit.history(self.as_trigger(trigger))
            if self.has_change_permission(request, trigger):
                # As the database has it, not as a form that was refused would have it.
                present = Trigger.objects.get(pk=trigger.pk)
                context["buttons"] = [
                    {"title": action.title, "url": url, "fields": {"shown": present.process_status}}
                    for action, url in one_click_actions(present)
                ]
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(SingleTrigger)
class SingleTriggerAdmin(TriggerTypeAdmin):
    when = ["next_run"]


@admin.register(ScheduledTrigger)
class ScheduledTriggerAdmin(TriggerTypeAdmin):
    when = ["cron_expr", "in_words", "next_run"]
    readonly_when = ["in_words"]

    @admin.display(description=_("in words"))
    def in_words(self, trigger: ScheduledTrigger) -> str:
        return in_words(trigger.cron_expr) or "–"

    def fields_to_save(self, obj: ScheduledTrigger, form: Any) -> list[str]:
        changed = super().fields_to_save(obj, form)
        if "cron_expr" in changed and "next_run" not in changed:
            obj.next_run = next(CronSim(obj.cron_expr, timezone.now()))
            changed.append("next_run")
        return changed


@admin.register(QueueTrigger)
class QueueTriggerAdmin(TriggerTypeAdmin):
    when = ["queue_name", "min_batch_size"]
