"""Authentication of the API by `X-API-Key`."""

from typing import Any, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from security.models import ApiKey, Client, FailedAttempt

INVALID_KEY = "A valid API key is needed in the X-API-Key header."


def get_client(request: Request) -> Client:
    """Return the client of an authenticated request."""
    return cast(Client, request.user)


class ApiKeyAuthentication(BaseAuthentication):
    """Accept a request if its `X-API-Key` is an active key.

    The key becomes the request's `auth`, and its client the user.

    Each failure gets the same response, which must not tell an expired key from an unknown one.
    The reason and the key, if it is known, are set on Django's request as `failed_reason` and
    `failed_key`, for `BanMiddleware` to record and for the log.
    """

    def authenticate(self, request: Request) -> tuple[Client, ApiKey]:
        secret = request.META.get("HTTP_X_API_KEY", "")
        key = ApiKey.with_secret(secret)
        if key is not None and key.is_active:
            key.touch()
            return key.client, key
        if key is not None:
            reason = FailedAttempt.Reason(key.state)
        else:
            reason = FailedAttempt.Reason.UNKNOWN if secret else FailedAttempt.Reason.MISSING
        django_request: Any = request._request
        django_request.failed_reason = reason
        django_request.failed_key = key
        raise AuthenticationFailed(INVALID_KEY)

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme for `WWW-Authenticate`; without one, DRF responds 403 and not 401."""
        return 'ApiKey realm="Queue API"'
