"""`X-API-Key` in, the client's key out."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from security.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """Lets a request in if and only if its `X-API-Key` is a key that is live now.

    Every failure gets the same answer: it must not tell an expired key from a guess.
    """

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey]:
        key = ApiKey.objects.with_secret(request.META.get("HTTP_X_API_KEY", ""))
        if key is None or key.state != ApiKey.State.LIVE:
            raise AuthenticationFailed("A valid API key is needed in the X-API-Key header.")
        key.touch()
        return key, key

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme in `WWW-Authenticate`; without it DRF would answer 403, not 401."""
        return 'ApiKey realm="Queue API"'
