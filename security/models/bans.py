"""Failed attempts, and the bans that they lead to."""

import logging
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone

from security.address import IPAddress, ban_network, client_address, is_within
from security.models.keys import ApiKey
from security.recent import Recent

logger = logging.getLogger(__name__)

NEVER = datetime.min


class BannedIPQuerySet(models.QuerySet["BannedIP"]):
    def active(self) -> Self:
        return self.filter(ended=None, until__gt=timezone.now())

    def covers(self, address: IPAddress) -> bool:
        """Whether a ban closes this address now; costs a query every few seconds at most."""
        if is_within(address, settings.BAN_EXEMPT_NETWORKS):
            return False
        until = banned_until.get(ban_network(address)) or NEVER
        return until > timezone.now()

    def ban(
        self, network: str, duration: timedelta, reason: str, attempts: int = 0, by: str = ""
    ) -> "BannedIP":
        """Close `network` (see `ban_network`) for `duration`, from now on.

        If it is banned already, that ban stays, unless a person (`by`) asks: then it ends and the
        new one takes its place.
        """
        now = timezone.now()
        with transaction.atomic():
            running = self.filter(network=network, ended=None)
            running.filter(until__lte=now).update(ended=F("until"))
            if by:
                running.update(ended=now, ended_by=by)
            # At the same time in another process: the unique constraint lets one win.
            ban, is_new = self.get_or_create(
                network=network,
                ended=None,
                defaults={
                    "reason": reason,
                    "began": now,
                    "until": now + duration,
                    "attempts": attempts,
                },
            )
        banned_until.forget(network)
        if is_new:
            logger.warning("Banned %s until %s: %s", network, f"{ban.until:%Y-%m-%d %H:%M}", reason)
        return ban

    def lift(self, by: str) -> list["BannedIP"]:
        """End those of these bans that are active, in the name of `by`, and return them."""
        now = timezone.now()
        self.active().update(ended=now, ended_by=by)
        lifted: list[BannedIP] = list(self.filter(ended=now, ended_by=by))
        for ban in lifted:
            banned_until.forget(ban.network)
            logger.warning("Ban of %s lifted by %s", ban.network, by)
        return lifted


class BannedIP(models.Model):
    """A time in which an address gets 403. Rows stay as history."""

    network = models.CharField(max_length=43, help_text="One IPv4 address, or one IPv6 /64.")
    reason = models.CharField(max_length=200)
    began = models.DateTimeField()
    until = models.DateTimeField()
    attempts = models.IntegerField(default=0, help_text="Failed attempts that led to it.")
    ended = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(
        max_length=150, null=True, blank=True, help_text="Who lifted it; empty: it ran out."
    )

    objects = BannedIPQuerySet.as_manager()

    class Meta:
        verbose_name = "banned IP"
        constraints = [
            models.UniqueConstraint(
                fields=["network"], condition=Q(ended=None), name="one_running_ban_per_network"
            )
        ]

    def __str__(self) -> str:
        return self.network

    @property
    def is_active(self) -> bool:
        return self.ended is None and self.until > timezone.now()


def _load_banned_until(network: str) -> datetime:
    until = BannedIP.objects.active().filter(network=network).values_list("until", flat=True)
    return until.first() or NEVER


banned_until: Recent[str, datetime] = Recent(_load_banned_until)


class FailedAttemptQuerySet(models.QuerySet["FailedAttempt"]):
    def counting(self, network: str) -> Self:
        """The attempts that bring this network nearer to a ban: recent, and after its last one.

        So whoever is let in again begins with a clean slate, and what was under way when a ban
        began adds nothing to it.
        """
        since = timezone.now() - settings.BAN_WINDOW
        last = BannedIP.objects.filter(network=network).order_by("-began").first()
        if last is not None:
            since = max(since, last.ended or last.until)
        return self.filter(network=network, counts=True, time__gt=since)

    def record(self, request: HttpRequest, reason: str, key: ApiKey | None = None) -> None:
        """Write an attempt down, and ban its network if it was one too many."""
        address = client_address(request)
        network = ban_network(address)
        self.create(
            address=str(address),
            network=network,
            method=(request.method or "")[:10],
            path=request.path[:200],  # without the query, which may hold anything
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:200],
            reason=reason,
            key=key,
        )
        has_api_failures.forget(network)
        banned_until.forget(network)  # another process may have banned it meanwhile
        logger.warning("Failed attempt from %s: %s", address, reason)
        if is_within(address, settings.BAN_EXEMPT_NETWORKS):
            return
        attempts = self.counting(network).count()
        if attempts >= settings.BAN_AFTER:
            BannedIP.objects.ban(
                network, settings.BAN_DURATION, f"{attempts} failed attempts", attempts
            )

    def older_than(self, span: timedelta) -> Self:
        return self.filter(time__lt=timezone.now() - span)

    def prune(self) -> int:
        """Delete these, a thousand at a time so that nobody waits long, and say how many."""
        deleted = 0
        while batch := list(self.values_list("pk", flat=True)[:1000]):
            deleted += self.model.objects.filter(pk__in=batch).delete()[0]
        return deleted

    def forgive(self, address: IPAddress) -> None:
        """Count API failures of this address no further; free for an address that has none."""
        network = ban_network(address)
        if has_api_failures.get(network):
            self.unsettled(network).update(counts=False)
            has_api_failures.forget(network)

    def unsettled(self, network: str) -> Self:
        """The attempts that a successful API call settles."""
        since = timezone.now() - settings.BAN_WINDOW
        recent = self.filter(network=network, counts=True, time__gt=since)
        return recent.exclude(reason=FailedAttempt.Reason.ADMIN_LOGIN)


class FailedAttempt(models.Model):
    """Evidence of somebody who was not let in. Holds no secret, no password and no body."""

    class Reason(models.TextChoices):
        MISSING = "missing", "No key"
        UNKNOWN = "unknown", "Unknown key"
        EXPIRED = "expired", "Expired key"
        REVOKED = "revoked", "Revoked key"
        ADMIN_LOGIN = "admin login", "Admin login"

    time = models.DateTimeField(default=timezone.now, db_index=True)
    address = models.CharField(max_length=39)
    network = models.CharField(max_length=43, help_text="What a ban would close.")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=200)
    user_agent = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=11, choices=Reason)
    key = models.ForeignKey(
        ApiKey,
        models.SET_NULL,
        null=True,
        blank=True,
        help_text="The key, if it was one of ours that is expired or revoked.",
    )
    counts = models.BooleanField(
        default=True, help_text="Off once a successful call has settled it."
    )

    objects = FailedAttemptQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["network", "time"], name="failed_attempt_network")]

    def __str__(self) -> str:
        return f"{self.address} {self.reason}"


def _load_has_api_failures(network: str) -> bool:
    return FailedAttempt.objects.unsettled(network).exists()


has_api_failures: Recent[str, bool] = Recent(_load_has_api_failures)
