"""Block banned IPs and record failed attempts."""

import logging
from collections.abc import Callable
from typing import ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from queueapi.api.error_views import permission_denied
from security.client_ip import get_client_ip
from security.models import BannedIP, FailedAttempt

logger = logging.getLogger(__name__)

BANNED = _(
    "This client IP is banned after repeated failed attempts; try again later or ask the operators."
)


# Needs no key, and must not use the database.
DOCUMENTATION = {"/api/", "/api/docs", "/api/docs/", "/api/schema", "/api/schema/"}


class Banned(PermissionDenied):
    extra: ClassVar[dict[str, str]] = {"reason": "banned"}


class BanMiddleware:
    """Respond 403 to a banned IP on `/api/`, except its documentation, and on the login form.

    Failed attempts are recorded after the view, whose transaction could roll them back. Other
    pages of the admin are not blocked, so that staff with a session can lift a ban of their own
    IP.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.startswith("/api/") and path not in DOCUMENTATION:
            record = record_api_call
        elif path == reverse("admin:login"):
            record = record_login
        else:
            return self.get_response(request)
        if BannedIP.is_banned(get_client_ip(request)):
            return permission_denied(request, Banned(BANNED))
        response = self.get_response(request)
        try:
            record(request, response)
        except Error:
            # Not an error for the client: the response may confirm a row that is stored.
            logger.exception("Could not record the outcome of this request")
        return response


def record_api_call(request: HttpRequest, response: HttpResponse) -> None:
    if response.status_code == 401:
        # Set by ApiKeyAuthentication.
        reason = getattr(request, "failed_reason", FailedAttempt.Reason.UNKNOWN)
        key = getattr(request, "failed_key", None)
        if reason != FailedAttempt.Reason.MISSING or not may_be_cross_site(request):
            FailedAttempt.objects.record(request, reason, key)
    # DRF sets `auth` on Django's request. A success without a key clears nothing.
    elif getattr(request, "auth", None) and response.status_code in {200, 201, 304}:
        FailedAttempt.clear_api_failures(get_client_ip(request))


def record_login(request: HttpRequest, response: HttpResponse) -> None:
    # Set by LoginForm if a password was checked. A successful login is a redirect.
    typed = getattr(request, "login_username", None)
    if typed is not None and response.status_code != 302 and response.status_code < 500:
        users = User.objects.filter(username=typed)
        # Not the text itself: people type passwords into this field, too.
        username = users.values_list("username", flat=True).first() or "unknown name"
        FailedAttempt.objects.record(request, FailedAttempt.Reason.ADMIN_LOGIN, username=username)


def may_be_cross_site(request: HttpRequest) -> bool:
    """Return whether a web page of any site can make a browser send this request.

    Browsers add one of these headers to a POST, and no page can add an `X-API-Key`.
    """
    is_from_browser = "HTTP_ORIGIN" in request.META or "HTTP_SEC_FETCH_SITE" in request.META
    return request.method != "POST" or is_from_browser
