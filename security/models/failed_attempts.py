"""Records of requests and logins that were refused."""

import logging
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField
from security.attempt_budget import AttemptBudget
from security.cache import TableCache
from security.client_ip import IPAddress, ban_network, get_client_ip, is_within
from security.models.api_keys import ApiKey
from security.models.bans import BannedIP, ban_cache

logger = logging.getLogger(__name__)

# At most 500 rows in 10 s: 240 + 10 * 25, and 10 for rows that are always written.
attempt_budget = AttemptBudget(burst=240, rate=25)


class FailedAttemptQuerySet(models.QuerySet["FailedAttempt"]):
    def older_than(self, age: timedelta) -> Self:
        return self.filter(time__lt=timezone.now() - age)

    def recent(self) -> Self:
        """Return the attempts in `BAN_WINDOW` that are not cleared."""
        return self.filter(counts=True, time__gt=timezone.now() - settings.BAN_WINDOW)

    def counted(self, network: str) -> Self:
        """Return the attempts that count towards the next ban of this network.

        They are recent, and later than the end of the last ban. None count while a ban is active:
        requests in progress at its start must not cause a second ban.
        """
        last = BannedIP.objects.filter(network=network).order_by("-pk").first()
        if last is None:
            return self.filter(network=network).recent()
        if last.is_active:
            return self.none()
        ended, now = last.lifted or last.expires, timezone.now()
        if ended <= now:
            return self.filter(network=network).recent().filter(time__gt=ended)
        # The clock was set back, so rows from before that have later times.
        return self.filter(network=network).recent().filter(time__lte=now)

    def api_failures(self) -> Self:
        """Return the recent attempts that a successful API call clears: all but logins."""
        return self.recent().exclude(reason=FailedAttempt.Reason.ADMIN_LOGIN)

    def record(
        self, request: HttpRequest, reason: str, key: ApiKey | None = None, username: str = ""
    ) -> None:
        """Record a failed attempt, and ban its network if there are `BAN_AFTER` of them.

        Beyond `attempt_budget`, attempts on the API are not recorded: 256 random bits can't be
        guessed at any rate. Failed logins are always recorded; passwords are checked one at a time.
        """
        if not attempt_budget.take(always=reason == FailedAttempt.Reason.ADMIN_LOGIN):
            return
        client_ip = get_client_ip(request)
        network = ban_network(client_ip)
        self.create(
            client_ip=str(client_ip),
            network=network,
            method=(request.method or "")[:10],
            path=request.path[:200],  # without the query string, which may contain secrets
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:200],
            reason=reason,
            key=key,
            username=username,
        )
        api_failure_cache.invalidate(network)
        ban_cache.invalidate(network)  # another process may have banned it since
        event = "login.failed" if username else "attempt.failed"
        extra = {"fields": {"event": event, "reason": reason, "user": username}}
        logger.warning("Failed attempt from %s: %s", client_ip, reason, extra=extra)
        if is_within(client_ip, settings.BAN_EXEMPT_NETWORKS):
            return
        attempts = self.counted(network).count()
        if attempts >= settings.BAN_AFTER:
            attempt_budget.take(always=True)
            text = f"{attempts} failed attempts"
            BannedIP.objects.ban(network, settings.BAN_DURATION, text, attempts)


class FailedAttempt(models.Model):
    """A refused API request or login. Contains no key, no password and no body."""

    class Reason(models.TextChoices):
        MISSING = "missing", _("No key")
        UNKNOWN = "unknown", _("Unknown key")
        EXPIRED = "expired", _("Expired key")
        REVOKED = "revoked", _("Revoked key")
        ADMIN_LOGIN = "admin login", _("Admin login")

    time = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    client_ip = models.CharField(_("client IP"), max_length=39)
    # The network that a ban blocks.
    network = models.CharField(_("network"), max_length=43)
    method = models.CharField(_("method"), max_length=10)
    path = UnicodeCharField(_("path"), max_length=200)
    user_agent = UnicodeCharField(_("user agent"), max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=11, choices=Reason)
    # The expired or revoked key.
    key = models.ForeignKey(
        ApiKey, models.SET_NULL, null=True, blank=True, verbose_name=_("API key")
    )
    # Of a failed login: the user, if there is one with the typed name.
    username = UnicodeCharField(_("user name"), max_length=150, blank=True)
    # False once a successful API call has cleared it.
    counts = models.BooleanField(_("counts"), default=True)

    objects = FailedAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("failed attempt")
        verbose_name_plural = _("failed attempts")
        indexes = [models.Index(fields=["network", "time"], name="failed_attempt_network")]

    def __str__(self) -> str:
        return f"{self.client_ip}: {self.get_reason_display()}"

    @classmethod
    def clear_api_failures(cls, client_ip: IPAddress) -> None:
        """Count the API failures of this IP no longer. Takes no query if it has none."""
        network = ban_network(client_ip)
        if api_failure_cache.get(network):
            cls.objects.filter(network=network).api_failures().update(counts=False)
            api_failure_cache.invalidate(network)


# `max_rows` counts attempts here, of which one client IP may have many.
api_failure_cache: TableCache[bool] = TableCache(
    "network", lambda: FailedAttempt.objects.api_failures().values_list("network", "counts")
)
