"""Triggers in the back office: one list for all, and a page for each kind."""

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from cronsim import CronSim
from django import forms
from django.contrib import admin
from django.contrib.admin.models import DELETION
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.validators import MaxLengthValidator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi import audit
from queueapi.admin.badges import badge
from queueapi.admin.bulk import Action, BulkAdmin
from queueapi.admin.editing import CarefulAdmin, CarefulForm, PlainTextField
from queueapi.admin.selection import Selection
from queueapi.spans import short_time
from triggers.cron import in_words
from triggers.models import (
    QueueTrigger,
    ScheduledTrigger,
    SingleTrigger,
    Trigger,
    parse_machines,
)

Status = Trigger.Status

STILL_RUNS = _(
    "A robot is at work for those that are running, pausing or being killed: once they are idle, "
    "a second one starts beside it when they are due."
)
PAUSE = Action(
    name="pause",
    title=_("Pause"),
    explanation=_(
        "The scheduler starts them no more. What is running goes on to its end; until then it is "
        "Pausing."
    ),
    verb=lambda triggers: triggers.pause(),
    leaves=[Status.PAUSED],
    warnings=[
        (Status.KILLING, _("Those that are being killed will not be killed any more.")),
        (Status.PAUSING, _("Those that are pausing still run, although they will look paused.")),
    ],
)
RESUME = Action(
    name="resume",
    title=_("Resume"),
    explanation=_(
        "Paused ones become Idle, and the scheduler starts them when they are due. Pausing ones "
        "are still running, and become Running."
    ),
    verb=lambda triggers: triggers.resume(),
    only=[Status.PAUSED, Status.PAUSING],
)
SET_IDLE = Action(
    name="set_idle",
    title=_("Set idle"),
    explanation=_("The scheduler starts them when they are due, which may be at once."),
    verb=lambda triggers: triggers.set_idle(),
    leaves=[Status.IDLE],
    warnings=[(status, STILL_RUNS) for status in Trigger.AT_WORK],
)
ACTIONS = {action.name: action for action in (PAUSE, RESUME, SET_IDLE)}


def kind_of(trigger: Trigger) -> Any:
    """The trigger as a row of its kind's table, or itself if it has none."""
    try:
        return getattr(trigger, f"{trigger.type.lower()}trigger")
    except (AttributeError, ObjectDoesNotExist):
        return trigger


def page_of(trigger: Trigger) -> str:
    row = kind_of(trigger)
    return reverse(f"admin:triggers_{row._meta.model_name}_change", args=[trigger.pk])


@admin.register(Trigger)
class TriggerAdmin(BulkAdmin):
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
        return short_time(trigger.last_run)

    @admin.display(description=_("starts"))
    def starts(self, trigger: Trigger) -> str:
        row = kind_of(trigger)
        match row:
            case SingleTrigger():
                return short_time(row.next_run)
            case ScheduledTrigger():
                return format_html(
                    '{}<br><code>{}</code> <span class="quiet">{}</span>',
                    short_time(row.next_run),
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

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one by one, on the page of each
        return actions

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        trigger = self.get_object(request, object_id)
        if trigger is None or kind_of(trigger) is trigger:
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
            self.do(request, Selection(request.user.pk, name, {shown: bytearray(pk.bytes)}), action)
        back = request.headers.get("Referer", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
            back = reverse("admin:triggers_trigger_changelist")
        return HttpResponseRedirect(back)

    @admin.action(description=_("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, PAUSE)

    @admin.action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, RESUME)

    @admin.action(description=_("Set idle"), permissions=["change"])
    def set_idle(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        return self.ask_or_do(request, queryset, SET_IDLE)


def one_click_actions(trigger: Trigger) -> list[tuple[Action, str]]:
    """What can be done with it now, and where to post that."""
    return [
        (action, reverse("admin:triggers_trigger_at_once", args=[trigger.pk, action.name]))
        for action in ACTIONS.values()
        if action.takes(trigger.process_status)
    ]


class MachinesField(forms.CharField):
    """A JSON list of names, as OpenOrchestrator writes it, shown with a name on each line."""

    def __init__(self, **kwargs: Any) -> None:
        longest = kwargs.pop("max_length", None)
        super().__init__(**kwargs)
        if longest:  # that of the JSON text
            text = _("These names need more room than there is: %(limit_value)d characters.")
            self.validators.append(MaxLengthValidator(longest, text))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(parse_machines(value)) if is_json(value) else value

    def to_python(self, value: Any) -> str | None:
        names = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        return json.dumps(names) if names else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


def is_json(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[")


class KindForm(CarefulForm):
    # The status for which the question was asked, once it was.
    sure = forms.CharField(required=False, label="", widget=forms.HiddenInput)

    class Meta:
        field_classes = {"scheduler_whitelist": MachinesField, "process_args": PlainTextField}
        widgets = {
            "process_args": forms.Textarea(attrs={"rows": 2}),
            "scheduler_whitelist": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "process_name": _("The name under which the robot logs."),
            "process_path": _(
                "A Python file on the robot's machine, or the address of a Git repository."
            ),
            "process_args": _("A text that the robot is given at its start."),
            "git_branch": _("Or a tag. Empty: the repository's main branch."),
            "is_blocking": _("Starts only on a machine that runs nothing else."),
            "scheduler_whitelist": _("The machines that may run it, one a line. Empty: any."),
            "priority": _("Of several that are due, the one with the highest starts first."),
            "cron_expr": _(
                "Minute, hour, day of the month, month, day of the week. "
                "A new one sets the next run too."
            ),
            "min_batch_size": _("It starts when at least so many items of the queue are new."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        becomes_idle = (
            "process_status" in self.changed_data and cleaned.get("process_status") == Status.IDLE
        )
        present = self.initial.get("process_status")
        if becomes_idle and present in Trigger.AT_WORK and cleaned.get("sure") != present:
            text = _("Nothing was saved yet. %(why)s Save again to do it all the same.")
            self.add_error("process_status", text % {"why": STILL_RUNS})
            self.data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
            self.data["sure"] = present  # type: ignore[index]
        return cleaned


class KindAdmin(CarefulAdmin):
    """The page of a trigger. What it runs is for superusers only to change.

    Whoever can change that can run any program on the robots' machines.
    """

    form = KindForm
    change_form_template = "admin/row_change_form.html"
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
        return HttpResponseRedirect(f"{url}?{urlencode({'type__exact': self.model.kind})}")

    # The log knows triggers, whatever their kind.

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:triggers_trigger_history", args=[object_id]))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_change(request, self.as_trigger(obj), message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = [(self.as_trigger(row), self.epitaph(row)) for row in queryset]
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
class SingleTriggerAdmin(KindAdmin):
    when = ["next_run"]


@admin.register(ScheduledTrigger)
class ScheduledTriggerAdmin(KindAdmin):
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
class QueueTriggerAdmin(KindAdmin):
    when = ["queue_name", "min_batch_size"]
