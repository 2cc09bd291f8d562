"""What the front page of the admin shows: the queues, a chart, and what needs attention."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model, QuerySet
from django.db.models.functions import Left
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from queueapi.admin.charts import Chart
from queueapi.durations import format_duration
from queues.models import QueueItem
from queues.queue_statistics import DAYS, Queue, Statistics, statistics
from security.models import ApiKey, BannedIP
from triggers.models import Trigger

ITEMS = "queues_queueitem"
SHOWN = 5  # rows of each list
COUNTED = 100  # rows that are counted; beyond, it says "more than"
Status = QueueItem.Status


def dashboard_context(user: Any, chart: str) -> dict[str, Any]:
    """The context of the page for what this user may see; `chart` is `days` or anything else."""
    context: dict[str, Any] = {"attention": list(attention(user))}
    if user.has_perm("queues.view_queueitem"):
        numbers = statistics()
        context["queues"] = [queue_row(queue, numbers.yesterday) for queue in numbers.queues]
        context["statuses"] = Status.labels
        context["taken"] = datetime.fromisoformat(numbers.taken)
        context["chart"] = chart_of(numbers, by_day=chart == "days")
    return context


def changelist_url(page: str, **parameters: Any) -> str:
    """A list of the admin, filtered."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return reverse(f"admin:{page}_changelist") + query


def second(moment: datetime) -> str:
    """For a filter: a bound that people can read."""
    return moment.replace(microsecond=0).isoformat()


# The table of queues.


@dataclass
class Number:
    """A figure, and the list behind it."""

    text: Any
    url: str | None = None


def queue_row(queue: Queue, yesterday: datetime) -> dict[str, Any]:
    def items(**parameters: str) -> str:
        return changelist_url(ITEMS, queue_name=queue.name, **parameters)

    since = second(yesterday)
    failed = items(status__exact=Status.FAILED, ended_from=since)
    oldest = datetime.fromisoformat(queue.oldest_new) if queue.oldest_new else None
    share = queue.failure_share
    return {
        "name": Number(queue.name, items()),
        "counts": [
            Number(queue.counts.get(status, 0), items(status__exact=status))
            for status in Status.values
        ],
        "oldest": Number(
            format_duration(timezone.now() - oldest if oldest else None),
            # By the sixth column of the list, when it was created: the oldest first.
            items(status__exact=Status.NEW, o="6") if oldest else None,
        ),
        "created": Number(queue.created, items(created_from=since)),
        "done": Number(queue.done, items(status__exact=Status.DONE, ended_from=since)),
        "share": Number("–" if share is None else f"{share:.0%}", failed),
    }


# The chart.


def chart_of(numbers: Statistics, by_day: bool) -> Chart:
    now = datetime.fromisoformat(numbers.taken)
    width = len("2026-01-31" if by_day else "2026-01-31T08")
    if by_day:
        last = now.replace(hour=0, minute=0, second=0, microsecond=0)
        slots = [last - timedelta(days=back) for back in reversed(range(DAYS))]
        names = [date_format(slot, "MONTH_DAY_FORMAT") for slot in slots]
        shorts = [f"{slot.day}." if index % 2 else "" for index, slot in enumerate(slots)]
    else:
        last = now.replace(minute=0, second=0, microsecond=0)
        slots = [last - timedelta(hours=back) for back in reversed(range(24))]
        names = [f"{date_format(slot, 'MONTH_DAY_FORMAT')} {slot:%H:%M}" for slot in slots]
        shorts = [f"{slot:%H}" if slot.hour % 3 == 0 else "" for slot in slots]

    def series(counts: dict[str, int]) -> list[int]:
        totals: Counter[str] = Counter()
        for hour, count in counts.items():
            totals[hour[:width]] += count
        return [totals[slot.isoformat()[:width]] for slot in slots]

    return Chart(
        title=_("Items by the day") if by_day else _("Items by the hour"),
        slot_title=_("Day") if by_day else _("Hour"),
        names=names,
        shorts=shorts,
        series={
            "created": (_("Created"), series(numbers.created)),
            "done": (_("Done"), series(numbers.done)),
            "failed": (_("Failed"), series(numbers.failed)),
        },
        by_day=by_day,
    )


# What needs attention.


@dataclass
class AttentionCard:
    """A list of what somebody should look at; `rows` are (text, address, note)."""

    title: str
    empty: str
    rows: list[tuple[str, str, str]]
    more: bool
    number: str
    url: str


def attention_card(title: str, empty: str, url: str, found: QuerySet, row: Any) -> AttentionCard:
    rows = list(found[: COUNTED + 1])
    number = str(len(rows)) if len(rows) <= COUNTED else f"> {COUNTED}"
    shown = [row(each) for each in rows[:SHOWN]]
    return AttentionCard(title, empty, shown, len(rows) > SHOWN, number, url)


def change_url(page: str, row: Model) -> str:
    return reverse(f"admin:{page}_change", args=[row.pk])


def ago(moment: datetime) -> str:
    return _("%(span)s ago") % {"span": format_duration(timezone.now() - moment)}


def attention(user: Any) -> Iterable[AttentionCard]:
    now = timezone.now()
    if user.has_perm("queues.view_queueitem"):
        yesterday = now - timedelta(hours=24)
        yield attention_card(
            _("Failed in the last 24 hours"),
            _("Nothing failed in the last 24 hours."),
            changelist_url(ITEMS, status__exact=Status.FAILED, ended_from=second(yesterday)),
            QueueItem.objects.failed_since(yesterday)
            .annotate(words=Left("message", 100))
            .defer("message", "data"),
            lambda item: (str(item), change_url(ITEMS, item), item.words or ""),
        )
        span = format_duration(settings.STUCK_AFTER)
        yield attention_card(
            _("In progress for more than %(span)s") % {"span": span},
            _("Nothing has been in progress for more than %(span)s.") % {"span": span},
            changelist_url(ITEMS, stuck="yes"),
            QueueItem.objects.stuck().order_by("start_date").defer("message", "data"),
            lambda item: (
                str(item),
                change_url(ITEMS, item),
                ago(item.start_date or item.created_date),
            ),
        )
    if user.has_perm("triggers.view_trigger"):
        halted = [Trigger.Status.FAILED, Trigger.Status.PAUSED]
        yield attention_card(
            _("Triggers that failed or are paused"),
            _("No trigger has failed or is paused."),
            changelist_url("triggers_trigger", process_status__in=",".join(halted)),
            Trigger.objects.filter(process_status__in=halted).order_by("trigger_name"),
            lambda trigger: (
                trigger.trigger_name,
                change_url("triggers_trigger", trigger),
                trigger.get_process_status_display(),
            ),
        )
    if user.has_perm("security.view_bannedip"):
        yield attention_card(
            _("Active bans"),
            _("No address is banned."),
            changelist_url("security_bannedip", state="active"),
            BannedIP.objects.active().order_by("-created"),
            lambda ban: (
                ban.network,
                change_url("security_bannedip", ban),
                _("until %(time)s") % {"time": date_format(ban.expires, "SHORT_DATETIME_FORMAT")},
            ),
        )
    if user.has_perm("security.view_apikey"):
        yield attention_card(
            _("Keys that expire within 14 days"),
            _("No key expires within 14 days."),
            changelist_url("security_apikey", state="expiring"),
            ApiKey.objects.expiring().order_by("expires"),
            lambda key: (
                str(key),
                change_url("security_apikey", key),
                date_format(key.expires, "SHORT_DATETIME_FORMAT"),
            ),
        )
