"""Rate limits of the API's endpoints."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic, time
from typing import Any, ClassVar

from django.conf import settings
from django.core.cache import caches
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from queueapi.api.exceptions import RateLimited
from queueapi.api.limits import Limit
from security.authentication import get_client

logger = logging.getLogger(__name__)

# Pause after a failure of the cache: each use of one that hangs takes its whole time-out.
RETRY_SECONDS = 3


class ClientRateThrottle(BaseThrottle):
    """Limit each client to the rate of a `ClientViewSet`'s action, all its keys together.

    The counters are django-ratelimit's. While their cache fails, rates are not limited. The usage
    is set on the request as `rate_usage`, for the headers of the response; `None` if not counted.
    """

    retry_at: ClassVar[float] = 0.0
    usage: dict[str, Any] | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        self.usage = request.rate_usage = self.hit(request, view)  # type: ignore[attr-defined]
        return self.usage is None or not self.usage["should_limit"]

    def wait(self) -> float | None:
        return self.usage["reset"] if self.usage else None

    def hit(self, request: Request, view: Any) -> dict[str, Any] | None:
        """Count this request and return the usage; `None` while the cache fails."""
        if monotonic() < self.retry_at:
            return None
        client = str(get_client(request).pk)
        try:
            usage: dict[str, Any] = get_usage(
                request._request,
                group=view.limit.name,
                key=lambda *_: client,
                rate=view.limit.rate,
                increment=True,
            )
            # A limit of 0 is how django-ratelimit reports that the cache did not count.
            failure = "" if usage["limit"] else "it did not count"
        except settings.CACHE_ERRORS as error:
            failure = repr(error)
        if failure:
            pause(failure)
            return None
        # Seconds until the next window begins, which is a second after `time_left`.
        usage["reset"] = max(1, int(usage["time_left"]) + 1)
        return usage


def pause(failure: str) -> None:
    """Limit no rates for `RETRY_SECONDS`, because the cache failed."""
    ClientRateThrottle.retry_at = monotonic() + RETRY_SECONDS
    logger.error("The cache is away, so rates are not limited meanwhile: %s", failure)


@contextmanager
def counted_items(request: Request, limit: Limit, number: int) -> Iterator[None]:
    """Count the items of a bulk push for its client, unless the block raises an exception.

    django-ratelimit counts one at a time. Raises `RateLimited` if there would be too many.
    """
    if monotonic() < ClientRateThrottle.retry_at:
        yield
        return
    now = int(time())
    key = f"{limit.name}.{get_client(request).pk}.{limit.rate}.{now // limit.seconds}"
    try:
        counters = caches[settings.RATELIMIT_USE_CACHE]
        counters.add(key, 0, 2 * limit.seconds)
        count = counters.incr(key, number)
    except settings.CACHE_ERRORS as error:
        pause(repr(error))
        yield
        return
    if count > limit.maximum:
        uncount(key, number)
        wait = limit.seconds - now % limit.seconds
        raise RateLimited(wait, "This client has reached its limit of items;")
    try:
        yield
    except Exception:
        uncount(key, number)
        raise


def uncount(key: str, number: int) -> None:
    with suppress(*settings.CACHE_ERRORS, ValueError):  # ValueError: the window is over
        caches[settings.RATELIMIT_USE_CACHE].decr(key, number)
