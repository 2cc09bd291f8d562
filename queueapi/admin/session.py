"""Sessions of the admin: they end at a fixed time, which only `POST /admin/session/` moves."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from queueapi.log_format import log_event

LONGEST = timedelta(hours=24)  # from the login
LATEST_END = "latest_end"  # key in the session


@receiver(user_logged_in)
def start(request: HttpRequest, **kwargs: object) -> None:
    request.session[LATEST_END] = (timezone.now() + LONGEST).isoformat()
    set_end(request.session)
    log_event("login.succeeded", user=str(kwargs["user"]))


def set_end(session: SessionBase) -> None:
    """End the session `SESSION_COOKIE_AGE` from now, at the latest `LONGEST` after the login.

    A session without `LATEST_END` began before an upgrade, and ends as it would have.
    """
    if LATEST_END in session:
        latest = datetime.fromisoformat(session[LATEST_END])
        age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        # A time, because each write to the session would move the end of a duration.
        session.set_expiry(min(timezone.now() + age, latest))


@never_cache
@require_http_methods(["GET", "POST"])
def session_view(request: HttpRequest) -> JsonResponse:
    """Return the state of the session for `session.js`, after renewing it if this is a POST.

    `seconds` is 0 for users who are not signed in: there is no redirect to the login.
    """
    if not admin.site.has_permission(request):
        return JsonResponse({"seconds": 0})
    if request.method == "POST":
        set_end(request.session)
    end = request.session.get_expiry_date()
    return JsonResponse(
        {
            "seconds": request.session.get_expiry_age(),
            "can_renew": end.isoformat() < request.session.get(LATEST_END, ""),
            "user": request.user.pk,
            "username": request.user.get_username(),
            "token": get_token(request),
        }
    )
