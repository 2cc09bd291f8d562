"""Base class of the API's viewsets."""

from functools import cached_property
from typing import Any, ClassVar, NoReturn

from django.utils import timezone
from rest_framework import viewsets
from rest_framework.exceptions import APIException
from rest_framework.fields import Field
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.api.conditional import apply_conditions
from queueapi.api.exceptions import RateLimited
from queueapi.api.limits import Limit
from queueapi.api.serializer_fields import InputSerializer


class ClientViewSet(viewsets.ViewSet):
    """Viewset with a `Limit` and a serializer of the body or the parameters for each action.

    Responses to authenticated clients have the headers `X-API-Key-Expires`, `RateLimit-Limit`,
    `RateLimit-Remaining` and `RateLimit-Reset` (seconds until the count begins again), and
    `RateLimit-Policy` and `RateLimit`, which say the same in the form of the draft standard.
    """

    limits: ClassVar[dict[str, Limit]]
    # One for all requests, for `run_validation()`, which keeps no state. Creating its fields for
    # each request would take about a quarter of the request's time.
    serializers: ClassVar[dict[str, InputSerializer]]
    # For the API's document: the members of a successful response beside `success`, and the errors
    # that only this action raises, with names.
    outputs: ClassVar[dict[str, dict[str, Field]]]
    errors: ClassVar[dict[str, dict[str, APIException]]] = {}

    @cached_property
    def limit(self) -> Limit:
        """The limit of the action; for a method that gets 405, that of the URL's first action."""
        first = next(iter(self.action_map.values()))
        return self.limits.get(self.action or first, self.limits[first])

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
        if key is not None and key.expires is not None:
            expires = timezone.make_aware(key.expires).isoformat(timespec="seconds")
            response.headers["X-API-Key-Expires"] = expires
        return response
