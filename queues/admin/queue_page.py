"""The page of a queue: its numbers and its chart."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from queueapi.admin.links import page_url
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.durations import format_duration
from queues.item_chart import item_chart
from queues.models import QueueItem
from queues.queue_statistics import Queue, durations, statistics


class QueuePage(AuditedAdmin):
    """Mixin: the page of a queue, at `queue/?queue_name=`."""

    def get_urls(self) -> list[Any]:
        return [self.page_path("queue/", self.queue_view, "queue"), *super().get_urls()]

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        name, by_day = request.GET.get("queue_name", ""), request.GET.get("chart") == "days"
        # Without a query for each unknown name, their numbers would fill the cache.
        if not QueueItem.objects.filter(queue_name=name).exists():
            raise Http404(_("There are no items of this queue."))
        numbers = statistics(name)
        # The name may differ in case on SQL Server; items may have unknown statuses, or be gone.
        queue = next(iter(numbers.queues), Queue(name))
        oldest = queue.oldest_new
        chart = item_chart(numbers, by_day, queue_name=name)
        taken, since = datetime.fromisoformat(numbers.taken), numbers.since(by_day)
        ended = chart.series["done"].total + chart.series["failed"].total
        number, *seconds = durations(name, by_day) or [0]
        context = {
            "title": name,
            "list_url": page_url(QueueItem, queue_name=name),
            "failures_url": page_url(QueueItem, "failures", queue_name=name),
            "queue": queue,
            "chart": chart,
            "taken": taken,
            "hour_ago": taken - timedelta(hours=1),
            "since": since,
            "oldest": oldest and format_duration(taken - datetime.fromisoformat(oldest)),
            "through": queue.through(taken),
            "ended": ended,
            "by_hour": ended * timedelta(hours=1) / (taken - since),
            "measured": number,
            "durations": [format_duration(timedelta(seconds=each)) for each in seconds],
        }
        return self.page(request, "queues/queue.html", **context)
