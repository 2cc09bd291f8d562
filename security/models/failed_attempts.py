"""Requests and logins that were refused."""

import logging
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField
from security.cache import QueryCache
from security.client_ip import IPAddress, ban_network, get_client_ip, is_within
from security.models.api_keys import ApiKey
from security.models.bans import BannedIP, ban_cache
from security.models.pruning import PrunableQuerySet
from security.row_budget import RowBudget

logger = logging.getLogger(__name__)

# At most 500 rows in 10 s: 240 + 10 * 25, and 10 for those that are always written.
new_rows = RowBudget(burst=240, rate=25)


class FailedAttemptQuerySet(PrunableQuerySet["FailedAttempt"]):
    def counting(self, network: str) -> Self:
        """The attempts that bring this network nearer to a ban: recent, and after its last one.

        So whoever is let in again begins with a clean slate, and what was under way when a ban
        began adds nothing to it.
        """
        now = timezone.now()
        since = now - settings.BAN_WINDOW
        last = BannedIP.objects.filter(network=network).order_by("-pk").first()
        if last is not None and last.is_active:
            return self.none()
        attempts = self.filter(network=network, counts=True)
        if last is not None:
            ended = last.lifted or last.expires
            if ended <= now:
                since = max(since, ended)
            else:  # the clock was set back since: only what came after that counts
                attempts = attempts.filter(time__lte=now)
        return attempts.filter(time__gt=since)

    def record(
        self, request: HttpRequest, reason: str, key: ApiKey | None = None, username: str = ""
    ) -> None:
        """Write an attempt down, and ban its network if it was one too many.

        In a flood, attempts on the API are left out: 256 random bits can't be guessed at any rate.
        Failed logins are always recorded, since passwords are checked one at a time.
        """
        if not new_rows.take(always=reason == FailedAttempt.Reason.ADMIN_LOGIN):
            return
        address = get_client_ip(request)
        network = ban_network(address)
        self.create(
            client_ip=str(address),
            network=network,
            method=(request.method or "")[:10],
            path=request.path[:200],  # without the query, which may hold anything
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:200],
            reason=reason,
            key=key,
            username=username,
        )
        api_failure_cache.invalidate(network)
        ban_cache.invalidate(network)  # another process may have banned it meanwhile
        logger.warning("Failed attempt from %s: %s", address, reason)
        if is_within(address, settings.BAN_EXEMPT_NETWORKS):
            return
        attempts = self.counting(network).count()
        if attempts >= settings.BAN_AFTER:
            new_rows.take(always=True)
            BannedIP.objects.ban(
                network, settings.BAN_DURATION, f"{attempts} failed attempts", attempts
            )

    def older_than(self, span: timedelta) -> Self:
        return self.filter(time__lt=timezone.now() - span)

    def forgive(self, address: IPAddress) -> None:
        """Count API failures of this address no further; free for an address that has none."""
        network = ban_network(address)
        if api_failure_cache.get(network):
            self.unsettled(network).update(counts=False)
            api_failure_cache.invalidate(network)

    def unsettled(self, network: str) -> Self:
        """The attempts that a successful API call settles."""
        since = timezone.now() - settings.BAN_WINDOW
        recent = self.filter(network=network, counts=True, time__gt=since)
        return recent.exclude(reason=FailedAttempt.Reason.ADMIN_LOGIN)


class FailedAttempt(models.Model):
    """Evidence of somebody who was not let in. Holds no secret, no password and no body."""

    class Reason(models.TextChoices):
        MISSING = "missing", _("No key")
        UNKNOWN = "unknown", _("Unknown key")
        EXPIRED = "expired", _("Expired key")
        REVOKED = "revoked", _("Revoked key")
        ADMIN_LOGIN = "admin login", _("Admin login")

    time = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    client_ip = models.CharField(_("client IP"), max_length=39)
    # What a ban would close.
    network = models.CharField(_("network"), max_length=43)
    method = models.CharField(_("method"), max_length=10)
    path = UnicodeCharField(_("path"), max_length=200)
    user_agent = UnicodeCharField(_("user agent"), max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=11, choices=Reason)
    # If it was one of ours that is expired or revoked.
    key = models.ForeignKey(
        ApiKey, models.SET_NULL, null=True, blank=True, verbose_name=_("API key")
    )
    # Of a login: the user whose name was typed.
    username = UnicodeCharField(_("user name"), max_length=150, blank=True)
    # Off once a successful call has settled it.
    counts = models.BooleanField(_("counts"), default=True)

    objects = FailedAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("failed attempt")
        verbose_name_plural = _("failed attempts")
        indexes = [models.Index(fields=["network", "time"], name="failed_attempt_network")]

    def __str__(self) -> str:
        return f"{self.client_ip}: {self.get_reason_display()}"


def _load_api_failures(network: str) -> bool:
    return FailedAttempt.objects.unsettled(network).exists()


api_failure_cache: QueryCache[str, bool] = QueryCache(_load_api_failures)
