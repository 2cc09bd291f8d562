"""Observe each request and its response."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.http import HttpRequest, HttpResponse


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
    pass


def refusal_reason(request: HttpRequest, response: HttpResponse) -> str:
    """Return in a word why the API refused a request; empty if the status says it all."""
    if response.status_code == 401:
        # Set by ApiKeyAuthentication.
        reason, _ = getattr(request, "failed_key", ("unknown", None))
        return str(reason)
    if response.status_code == 403:
        data: dict[str, Any] = getattr(response, "data", {})  # with the `extra` of the exception
        return str(data.get("reason", ""))
    return {400: "invalid", 429: "rate_limited"}.get(response.status_code, "")
