"""`X-API-Key` in, the client's key out."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from security.models import ApiKey, FailedAttempt

Reason = FailedAttempt.Reason


class ApiKeyAuthentication(BaseAuthentication):
    """Lets a request in if and only if its `X-API-Key` is a key that is live now.

    Every failure gets the same answer: it must not tell an expired key from a guess. Which it was
    is left on the Django request as `failed_key`, for `BanMiddleware` to record.
    """

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey]:
        secret = request.META.get("HTTP_X_API_KEY", "")
        key = ApiKey.objects.with_secret(secret)
        if key is not None and key.state == ApiKey.State.ACTIVE:
            key.touch()
            return key, key
        if key is not None:
            reason = Reason(key.state)
        else:
            reason = Reason.UNKNOWN if secret else Reason.MISSING
        request._request.failed_key = (reason, key)  # type: ignore[attr-defined]
        raise AuthenticationFailed("A valid API key is needed in the X-API-Key header.")

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme in `WWW-Authenticate`; without it DRF would answer 403, not 401."""
        return 'ApiKey realm="Queue API"'
