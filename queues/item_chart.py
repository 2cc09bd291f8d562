"""The chart of items by hour or day, whose bars link to their items."""

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from queueapi.admin.charts import Chart, Series
from queueapi.admin.links import page_url
from queues.models import QueueItem
from queues.queue_statistics import DAYS, Statistics

Status = QueueItem.Status


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def item_chart(numbers: Statistics, by_day: bool, **filters: str) -> Chart:
    """Return the chart of the last `DAYS` days or 24 hours; `filters` are of the bars' lists."""
    step = timedelta(days=1) if by_day else timedelta(hours=1)
    slots = [numbers.since(by_day) + number * step for number in range(DAYS if by_day else 24)]
    names = [date_format(slot, "MONTH_DAY_FORMAT") for slot in slots]
    if by_day:
        labels = [f"{slot.day}." if index % 2 else "" for index, slot in enumerate(slots)]
    else:
        names = [f"{name} {slot:%H}:00" for name, slot in zip(names, slots, strict=True)]
        labels = [f"{slot:%H}" if slot.hour % 3 == 0 else "" for slot in slots]
    # The last slot has no end: clocks of other machines may be ahead.
    ends = [*(iso(slot - timedelta(seconds=1)) for slot in slots[1:]), ""]
    bounds = list(zip(map(iso, slots), ends, strict=True))

    def series(name: str, hours: dict[str, int], moment: str, **more: str) -> Series:
        cells = []
        for first, last in bounds:
            number = sum(hours[hour] for hour in hours if first <= hour <= (last or hour))
            times = {f"{moment}_from": first, f"{moment}_to": last}
            cells.append((number, page_url(QueueItem, **filters, **more, **times)))
        return Series(name, cells)

    return Chart(
        names=names,
        labels=labels,
        series={
            "created": series(_("Created"), numbers.created, "created"),
            "done": series(_("Done"), numbers.done, "ended", status__exact=Status.DONE),
            "failed": series(_("Failed"), numbers.failed, "ended", status__exact=Status.FAILED),
        },
        by_day=by_day,
    )
