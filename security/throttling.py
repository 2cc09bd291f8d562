"""How often a client may call an endpoint."""

import logging
from time import monotonic
from typing import Any

from django.conf import settings
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)


class ClientRateThrottle(BaseThrottle):
    """Holds each client to the `rate` of a `RateLimitedViewSet`, all keys of the client together.

    Where the client stands is left on the request as `rate_usage`, for the answer's headers.
    """

    usage: dict[str, Any] | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        self.usage = counters.hit(request, view)
        request.rate_usage = self.usage  # type: ignore[attr-defined]
        return self.usage is None or not self.usage["should_limit"]

    def wait(self) -> float | None:
        return self.usage["reset"] if self.usage else None


class Counters:
    """django-ratelimit's counters, and what happens while their cache is away: requests pass."""

    # Asking a cache that hangs costs its time-out, so not every request asks.
    RETRY_SECONDS = 3
    retry_at = 0.0

    def hit(self, request: Request, view: Any) -> dict[str, Any] | None:
        """Count this request; `None` if it can't be counted."""
        if monotonic() < self.retry_at:
            return None
        client = request.auth.client  # type: ignore[union-attr]  # an ApiKey
        try:
            usage: dict[str, Any] = get_usage(
                request._request,
                group=type(view).__name__,
                key=lambda *_: client,
                rate=view.rate,
                increment=True,
            )
        except settings.CACHE_ERRORS as error:
            self.log_outage(repr(error))
            return None
        if usage["limit"] == 0:  # how django-ratelimit reports that the cache did not count
            self.log_outage("it did not count")
            return None
        # Seconds until the next window begins, which is a second after `time_left`.
        usage["reset"] = max(1, int(usage["time_left"]) + 1)
        return usage

    def log_outage(self, why: str) -> None:
        self.retry_at = monotonic() + self.RETRY_SECONDS
        logger.error("The cache is away, so rates are not limited meanwhile: %s", why)


counters = Counters()
