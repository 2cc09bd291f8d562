"""The door: nobody who is banned comes to a key check or a login form, and failures are noted."""

import logging
from collections.abc import Callable

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

Reason = FailedAttempt.Reason

BANNED = PermissionDenied(
    _(
        "This address is banned after repeated failed attempts; try again later or ask the "
        "operators."
    )
)


class BanMiddleware:
    """Answers 403 to a banned address on `/api/` and on the admin's login form.

    It records failures when the answer is on its way out, where no transaction of the view can
    roll them back. The rest of the admin stays open, so that staff who are signed in can lift a
    ban of their own address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/"):
            note = self.note_api_call
        elif request.path_info == reverse("admin:login"):
            note = self.note_login
        else:
            return self.get_response(request)
        if BannedIP.objects.is_banned(get_client_ip(request)):
            return permission_denied(request, BANNED)
        response = self.get_response(request)
        try:
            note(request, response)
        except Error:
            # The answer is given, and may tell of something that is stored: it stands.
            logger.exception("Could not note what came of this request")
        return response

    def note_api_call(self, request: HttpRequest, response: HttpResponse) -> None:
        if response.status_code == 401:
            # Left there by ApiKeyAuthentication.
            reason, key = getattr(request, "failed_key", (Reason.UNKNOWN, None))
            if reason != Reason.MISSING or not may_come_from_a_page(request):
                FailedAttempt.objects.record(request, reason, key)
        elif response.status_code < 300:
            FailedAttempt.objects.forgive(get_client_ip(request))

    def note_login(self, request: HttpRequest, response: HttpResponse) -> None:
        # Set by LoginForm if a password was checked. A successful login is a redirect.
        tried = getattr(request, "login_username", None)
        if tried is not None and response.status_code != 302 and response.status_code < 500:
            users = User.objects.filter(username=tried)
            # People type passwords into this field, too.
            username = users.values_list("username", flat=True).first() or "unknown name"
            FailedAttempt.objects.record(request, Reason.ADMIN_LOGIN, username=username)


def may_come_from_a_page(request: HttpRequest) -> bool:
    """Return whether a web page of any site can make a browser send this request.

    Browsers add one of these headers to a POST, and no page can add an `X-API-Key`.
    """
    return request.method != "POST" or not {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"}.isdisjoint(
        request.META
    )
