"""`/metrics` for Prometheus: numbers of requests and of the database."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any

import prometheus_client as prometheus
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from queueapi.server.metrics_folder import files_in
from queues.models import QueueItem
from queues.queue_statistics import MAX_AGE, statistics
from security.client_ip import get_client_ip, is_within
from security.models import ApiKey, BannedIP
from triggers.models import Trigger

logger = logging.getLogger(__name__)

MAX_QUEUES = 200  # with labels of their own: those with most items
# First parts of paths that are labels. The URLs of the API have names.
PREFIXES = {"admin", "static", "healthz", "readyz", "metrics"}
# Headers of a proxy, which sends requests of its clients from loopback if it is on this machine.
FORWARDED = {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED", "HTTP_X_REAL_IP"}
BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10)  # seconds

# Whatever PROMETHEUS_MULTIPROC_DIR says. `queueapi.server.metrics_folder` sets the other class.
prometheus.values.ValueClass = prometheus.values.MutexValue
prometheus.disable_created_metrics()
SECONDS = prometheus.Histogram(
    "queueapi_request_seconds", "Seconds until a response.", ["endpoint", "status"], buckets=BUCKETS
)
REFUSALS = prometheus.Counter("queueapi_refusals", "Refused requests.", ["status", "reason"])


def observe(request: HttpRequest, status: int, seconds: float, reason: str) -> None:
    """Count a request; `reason` is that of a refusal."""
    # If the folder is gone, the library raises OSError and then IndexError. No request may fail by
    # this.
    with suppress(OSError, IndexError):
        SECONDS.labels(endpoint_of(request), status).observe(seconds)
        if status in {401, 403, 429}:
            REFUSALS.labels(status, reason or "other").inc()


def endpoint_of(request: HttpRequest) -> str:
    """Return one of a few names, even if the request was refused before its URL was resolved."""
    prefix = request.path_info[1:].partition("/")[0]
    if prefix in PREFIXES:
        return prefix
    with suppress(Resolver404):
        return (request.resolver_match or resolve(request.path_info)).url_name or "other"
    return "other"


class Metrics:
    """A collector of prometheus_client: all metrics of this installation."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.next_read = 0.0
        self.gauges: list[GaugeMetricFamily] = []

    def response(self) -> HttpResponse:
        text = prometheus.generate_latest(self)
        headers = {"Content-Type": prometheus.CONTENT_TYPE_PLAIN_0_0_4, "Content-Length": len(text)}
        return HttpResponse(text, headers=headers)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Yield the metrics; those of the database are read at most once in `MAX_AGE` seconds."""
        if settings.METRICS_FOLDER:
            files = map(str, files_in(settings.METRICS_FOLDER))
            yield from MultiProcessCollector.merge(list(files))
        else:
            yield from [*SECONDS.collect(), *REFUSALS.collect()]
        with self.lock:
            if monotonic() >= self.next_read:
                self.gauges = read_database()
                self.next_read = monotonic() + MAX_AGE
        yield from self.gauges


def may_read(request: HttpRequest) -> bool:
    """Return whether to respond with the metrics; otherwise `/metrics` is an unknown URL."""
    ip = get_client_ip(request)
    is_proxy = ip.is_loopback and not FORWARDED.isdisjoint(request.META)
    is_allowed = is_within(ip, settings.METRICS_NETWORKS) and not is_proxy
    return is_allowed and request.method in {"GET", "HEAD"}


def read_database() -> list[GaugeMetricFamily]:
    try:
        gauges = list(database_gauges())
    except Error:
        logger.exception("Could not read the metrics of the database")
        gauges = []
    return [gauge("database_up", "Whether the database responds", {(): bool(gauges)}), *gauges]


def database_gauges() -> Iterator[GaugeMetricFamily]:
    now = timezone.now()
    items: Counter[tuple[str, str]] = Counter()
    ages: dict[tuple[str], float] = {}
    queues = sorted(statistics().queues, key=lambda queue: -sum(queue.counts.values()))
    for place, queue in enumerate(queues):
        name = queue.name if place < MAX_QUEUES else "(other)"
        for status in QueueItem.Status.values:
            items[(name, status)] += queue.counts.get(status, 0)
        if queue.oldest_new:
            age = now - datetime.fromisoformat(queue.oldest_new)
            ages[(name,)] = max(age.total_seconds(), ages.get((name,), 0))
    yield gauge("items", "Queue items", items, "queue", "status")
    yield gauge("oldest_new_seconds", "Age of the oldest NEW item", ages, "queue")
    triggers = Counter(Trigger.objects.values_list("process_status"))
    for status in Trigger.Status.values:
        triggers[(status,)] += 0
    yield gauge("triggers", "Triggers", triggers, "status")
    yield gauge("active_bans", "Active bans", {(): BannedIP.objects.active().count()})
    active = ApiKey.objects.active()
    keys = {("any",): active.count()}
    for days in (7, 30):
        expiring = active.filter(expires__lte=now + timedelta(days=days))
        keys[(f"up to {days}",)] = expiring.count()
    yield gauge("active_keys", "Active API keys by days until they expire", keys, "days_left")


def gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    """Return a metric with a number for each tuple of values of its labels."""
    family = GaugeMetricFamily(f"queueapi_{name}", f"{text}.", labels=labels)
    for label_values, number in values.items():
        family.add_metric(label_values, number)
    return family
