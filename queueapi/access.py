"""Respond to monitors, and observe each request and its response."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse

from queueapi import metrics
from queueapi.health import health
from queueapi.log_format import log_event
from queueapi.server.waitress import HEALTH_PATHS


class AccessMiddleware:
    """Measure the seconds of each request. Around all middleware that can refuse one.

    Health and metrics have their responses from here, because load balancers and monitors have no
    key and send an IP as Host, and because a cache or a database that is away must not hold them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.metrics = metrics.Metrics()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begin = perf_counter()
        if request.path_info in HEALTH_PATHS:
            response = health(request)
        elif request.path_info == "/metrics" and metrics.may_read(request):
            response = self.metrics.response()
        else:
            response = self.get_response(request)
        observe(request, response, perf_counter() - begin)
        return response


def observe(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    reason = refusal_reason(request, response)
    metrics.observe(request, response.status_code, seconds, reason)
    if f"{request.path_info}/".startswith("/api/"):
        # What was written, perhaps by an earlier request with the same Idempotency-Key.
        written = getattr(response, "data", {}) if request.method == "POST" else {}
        log_event(
            "request",
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            reason=reason,
            id=written.get("id"),
            trigger=written.get("trigger_name"),
            count=len(written.get("ids", [])),
            replayed="Idempotency-Replayed" in response,
        )


def refusal_reason(request: HttpRequest, response: HttpResponse) -> str:
    """Return in a word why the API refused a request; empty if the status says it all."""
    # Set by ApiKeyAuthentication, or the `extra` of an exception.
    reason = getattr(request, "failed_reason", "") or getattr(response, "data", {}).get("reason")
    return str(reason or {400: "invalid", 429: "rate_limited"}.get(response.status_code, ""))
