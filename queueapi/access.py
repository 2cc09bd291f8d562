"""Observe each request and its response."""

from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from queueapi import metrics
from queueapi.log_format import log_event


class AccessMiddleware:
    """Measure the seconds of each request. The outermost middleware, so that it sees them all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begin = perf_counter()
        response = self.get_response(request)
        observe(request, response, perf_counter() - begin)
        return response


def observe(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    reason = refusal_reason(request, response)
    metrics.observe(request, response.status_code, seconds, reason)
    if settings.LOG_FORMAT == "json" and f"{request.path_info}/".startswith("/api/"):
        data = getattr(response, "data", {}) if request.method == "POST" else {}
        # What was written, perhaps by an earlier request with the same Idempotency-Key.
        fields = {"id": data.get("id"), "trigger": data.get("trigger_name")}
        fields |= {"count": len(data.get("ids", "")), "milliseconds": round(seconds * 1000, 1)}
        fields |= {"replayed": "Idempotency-Replayed" in response, "status": response.status_code}
        log_event("request", reason=reason, **fields)


def refusal_reason(request: HttpRequest, response: HttpResponse) -> str:
    """Return in a word why the API refused a request; empty if the status says it all."""
    # Set by ApiKeyAuthentication, or the `extra` of an exception.
    reason = getattr(request, "failed_key", [""])[0] or getattr(response, "data", {}).get("reason")
    return str(reason or {400: "invalid", 429: "rate_limited"}.get(response.status_code, ""))
