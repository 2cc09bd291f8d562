"""Exceptions of the API beside DRF's own. `extra` are further members of the response's body."""

from typing import Any, ClassVar

from rest_framework import exceptions, status


class RequestTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is larger than this server accepts."


class HeadersTooLarge(exceptions.APIException):
    status_code = status.HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE
    default_detail = "The headers are larger than this server accepts."


class RateLimited(exceptions.Throttled):
    default_detail = "This client has reached its limit for this endpoint;"
    extra_detail_singular = "try again in {wait} second."
    extra_detail_plural = "try again in {wait} seconds."


class NotAllowed(exceptions.PermissionDenied):
    """The client's limits forbid the request, for example to `push queue items`."""

    extra: ClassVar[dict[str, Any]] = {"reason": "not_allowed"}

    def __init__(self, action: str) -> None:
        super().__init__(f"This client may not {action}; ask the operators to allow it.")


class Conflict(exceptions.APIException):
    """The row has another state than the request expects."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.extra = extra
