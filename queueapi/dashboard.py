"""Dashboard of the admin: attention cards, a table of queues, and a chart of items."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from queueapi.admin.badges import badge
from queueapi.admin.links import change_url, page_url
from queueapi.database.model_fields import TextStart
from queueapi.durations import format_duration
from queueapi.late_triggers import late_triggers
from queues.item_chart import iso, item_chart
from queues.models import QueueItem
from queues.queue_statistics import Queue, start_of, statistics
from security.models import ApiKey, BannedIP
from triggers.models import Trigger
from triggers.models.schedulers import Scheduler, read

Status = QueueItem.Status
State = Scheduler.State
STATES = [State.SILENT, State.ACTIVE, State.FORGOTTEN]  # in the order of their rows
MAX_SHOWN = 5  # rows of a card
MAX_COUNTED = 100  # rows of a card; beyond, it shows "> 100"


def dashboard_context(user: Any, chart: str) -> dict[str, Any]:
    """Return the template context for this user's permissions.

    `chart` is `days`; any other text means hours.
    """
    context: dict[str, Any] = {"attention_cards": attention_cards(user)}
    may_view = user.has_perm("triggers.view_trigger")
    schedulers = read(Scheduler.objects.order_by("machine_name")) if may_view else None
    if schedulers is not None:
        alive = [each.machine_name for each in schedulers if each.state == State.ACTIVE]
        context["attention_cards"].insert(0, late_card(alive))
        context["schedulers"] = [
            (each, ago(each.last_update), badge(each.state, each.state.label))
            for each in sorted(schedulers, key=lambda each: STATES.index(each.state))
        ]
    if user.has_perm("queues.view_queueitem"):
        numbers = statistics()
        since = numbers.since()
        context["queue_rows"] = [queue_row(queue, iso(since)) for queue in numbers.queues]
        context["since"] = since
        context["statuses"] = Status.labels
        context["taken"] = datetime.fromisoformat(numbers.taken)
        context["chart"] = item_chart(numbers, by_day=chart == "days")
    return context


def queue_row(queue: Queue, since: str) -> list[tuple[Any, str | None]]:
    """Return text and URL of each cell; the URL is that of the list behind a number."""

    def items(**filters: str) -> str:
        return page_url(QueueItem, queue_name=queue.name, **filters)

    oldest = datetime.fromisoformat(queue.oldest_new) if queue.oldest_new else None
    age = format_duration(timezone.now() - oldest if oldest else None)
    share = "–" if queue.failure_share is None else f"{queue.failure_share:.0%}"
    return [
        (queue.name, page_url(QueueItem, "queue", queue_name=queue.name)),
        *((queue.counts.get(status, 0), items(status__exact=status)) for status in Status.values),
        (age, items(status__exact=Status.NEW, o="created_date") if oldest else None),
        (queue.created, items(created_from=since)),
        (queue.done, items(status__exact=Status.DONE, ended_from=since)),
        (share, items(status__exact=Status.FAILED, ended_from=since)),
    ]


@dataclass
class AttentionCard:
    """Rows that need attention: the first `MAX_SHOWN`, and a link to all."""

    title: str
    empty: str  # text if there are no rows
    found: Any  # a queryset, or a list of rows that have no list in the admin: all are shown
    filters: dict[str, str]  # of the list of all rows
    note: Callable[[Any], str]  # text beside a row
    grouped_url: str = ""  # of the rows in groups

    @property
    def permission(self) -> str:
        opts = self.found.model._meta
        return f"{opts.app_label}.view_{opts.model_name}"

    @cached_property
    def rows(self) -> list[Any]:
        return list(self.found[: MAX_COUNTED + 1])

    @property
    def count(self) -> str:
        return str(len(self.rows)) if len(self.rows) <= MAX_COUNTED else f"> {MAX_COUNTED}"

    @property
    def links(self) -> list[tuple[Any, str, str]]:
        """Return row, change URL and note of each shown row."""
        shown = self.rows[:MAX_SHOWN] if self.filters else self.rows
        return [(row, change_url(row), self.note(row)) for row in shown]

    @property
    def url_of_all(self) -> str:
        """Return the URL of the list of all rows, if not all are shown."""
        has_more = self.filters and len(self.rows) > MAX_SHOWN
        return page_url(self.found.model, **self.filters) if has_more else ""


def ago(moment: datetime) -> str:
    return _("%(duration)s ago") % {"duration": format_duration(timezone.now() - moment)}


def date_and_time(moment: datetime) -> str:
    return date_format(moment, "SHORT_DATETIME_FORMAT")


def late_card(alive: list[str]) -> AttentionCard:
    """Return the card of late triggers; `alive` are the machines of schedulers in contact."""
    empty = _("No trigger is late.") if alive else _("No scheduler is in contact.")
    return AttentionCard(_("Triggers that are late"), empty, late_triggers(alive), {}, due)


def due(trigger: Any) -> str:
    if trigger.due_since:
        return _("due since %(time)s") % {"time": date_and_time(trigger.due_since)}
    return _("new items: %(number)d") % {"number": trigger.waiting}


def attention_cards(user: Any) -> list[AttentionCard]:
    """Return the cards of the models that this user may view."""
    since = start_of(timezone.now())
    stuck_after = {"duration": format_duration(settings.STUCK_AFTER)}
    halted = [Trigger.Status.FAILED, Trigger.Status.PAUSED]
    cards = [
        AttentionCard(
            _("Failed in the last 24 hours"),
            _("Nothing failed in the last 24 hours."),
            QueueItem.objects.failed_since(since)
            .annotate(start_of_message=TextStart("message", 100))
            .defer("message", "data"),
            {"status__exact": Status.FAILED, "ended_from": iso(since)},
            lambda item: item.start_of_message or "",
            grouped_url=page_url(QueueItem, "failures", ended_from=iso(since)),
        ),
        AttentionCard(
            _("In progress for more than %(duration)s") % stuck_after,
            _("Nothing has been in progress for more than %(duration)s.") % stuck_after,
            QueueItem.objects.stuck().order_by("start_date").defer("message", "data"),
            {"stuck": "yes"},
            lambda item: ago(item.start_date or item.created_date),
        ),
        AttentionCard(
            _("Triggers that failed or are paused"),
            _("No trigger has failed or is paused."),
            Trigger.objects.filter(process_status__in=halted).order_by("trigger_name"),
            {"process_status__in": ",".join(halted)},
            lambda trigger: trigger.get_process_status_display(),
        ),
        AttentionCard(
            _("Active bans"),
            _("No ban is active."),
            BannedIP.objects.active().order_by("-created"),
            {"state": "active"},
            lambda ban: _("until %(time)s") % {"time": date_and_time(ban.expires)},
        ),
        AttentionCard(
            _("Keys that expire within 14 days"),
            _("No key expires within 14 days."),
            ApiKey.objects.expiring().select_related("client").order_by("expires"),
            {"state": "expiring"},
            lambda key: date_and_time(key.expires),
        ),
    ]
    return [card for card in cards if user.has_perm(card.permission)]
