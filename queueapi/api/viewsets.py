"""Base class of the API's viewsets."""

from typing import Any, NoReturn

from rest_framework import viewsets
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.serializer_fields import InputSerializer


class RateLimited(Throttled):
    default_detail = "This client has reached its limit for this endpoint;"
    extra_detail_singular = "try again in {wait} second."
    extra_detail_plural = "try again in {wait} seconds."


class RateLimitedViewSet(viewsets.ViewSet):
    """Viewset with a limit of requests for each client; `rate` is such as `10/m`.

    Responses to authenticated clients have the headers `RateLimit-Limit`, `RateLimit-Remaining`
    and `RateLimit-Reset` (seconds until the count begins again).
    """

    rate: str
    # One for all requests, for `run_validation()`, which keeps no state. Creating its fields for
    # each request would take about a quarter of the request's time.
    serializer: InputSerializer

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        raise RateLimited(wait)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if usage := getattr(request, "rate_usage", None):  # set by the throttle
            response.headers["RateLimit-Limit"] = str(usage["limit"])
            response.headers["RateLimit-Remaining"] = str(max(0, usage["limit"] - usage["count"]))
            response.headers["RateLimit-Reset"] = str(usage["reset"])
        return super().finalize_response(request, response, *args, **kwargs)
