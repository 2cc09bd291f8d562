"""Base class of the API's viewsets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.conditional import apply_conditions
from queueapi.api.exceptions import RateLimited
from queueapi.api.serializer_fields import InputSerializer

SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


@dataclass(frozen=True)
class Limit:
    """What an action needs: a client's permission, and a rate such as `10/m` or `10/5m`.

    Actions with the same name are counted together.
    """

    name: str
    rate: str
    permission: str

    @cached_property
    def maximum(self) -> int:
        return int(self.rate.partition("/")[0])

    @cached_property
    def seconds(self) -> int:
        period = self.rate.partition("/")[2]
        return int(period[:-1] or 1) * SECONDS[period[-1]]

    @cached_property
    def policy(self) -> str:
        """The header `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.maximum};w={self.seconds}'


READ = Limit("read", settings.RATE_READ, "may_read")  # of all endpoints together


class ClientViewSet(viewsets.ViewSet):
    """Viewset with a `Limit` for each action.

    Responses to authenticated clients have the headers `X-API-Key-Expires`, `RateLimit-Limit`,
    `RateLimit-Remaining` and `RateLimit-Reset` (seconds until the count begins again), and
    `RateLimit-Policy` and `RateLimit`, which say the same in the form of the draft standard.
    """

    limits: ClassVar[dict[str, Limit]]
    # One for all requests, for `run_validation()`, which keeps no state. Creating its fields for
    # each request would take about a quarter of the request's time.
    serializer: InputSerializer

    @cached_property
    def limit(self) -> Limit:
        """The limit of the action; for a method that gets 405, that of the first action."""
        return self.limits.get(self.action or "") or next(iter(self.limits.values()))

    def check_permissions(self, request: Request) -> None:
        """Count the request first: DRF would not count one that gets 403."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Do nothing: `check_permissions` has counted the request."""

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        raise RateLimited(wait)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        apply_conditions(request, response)
        if usage := getattr(request, "rate_usage", None):  # set by the throttle
            limit, reset = usage["limit"], usage["reset"]
            remaining = max(0, limit - usage["count"])
            response.headers["RateLimit-Limit"] = str(limit)
            response.headers["RateLimit-Remaining"] = str(remaining)
            response.headers["RateLimit-Reset"] = str(reset)
            response.headers["RateLimit-Policy"] = self.limit.policy
            response.headers["RateLimit"] = f'"{self.limit.name}";r={remaining};t={reset}'
        key: Any = request.auth
        if key is not None and key.expires_with_offset:
            response.headers["X-API-Key-Expires"] = key.expires_with_offset
        return response
