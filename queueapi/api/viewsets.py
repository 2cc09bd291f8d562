"""What an endpoint of the API is made from."""

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
    """An endpoint that takes `rate` requests of each client, such as `10/m`.

    Every answer to a client that was let in says where it stands: `RateLimit-Limit`,
    `RateLimit-Remaining` and `RateLimit-Reset` (seconds until it may send the limit again).
    """

    rate: str
    # One for all requests, for its `run_validation`, which keeps nothing of any. To make its fields
    # anew for each request took about a quarter of the time of one.
    serializer: InputSerializer

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        raise RateLimited(wait)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if usage := getattr(request, "rate_usage", None):
            response.headers["RateLimit-Limit"] = str(usage["limit"])
            response.headers["RateLimit-Remaining"] = str(max(0, usage["limit"] - usage["count"]))
            response.headers["RateLimit-Reset"] = str(usage["reset"])
        return super().finalize_response(request, response, *args, **kwargs)
