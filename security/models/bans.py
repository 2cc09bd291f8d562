"""Failed attempts, and the bans that they lead to."""

import logging
from datetime import datetime, timedelta
from typing import Self, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.fields import UnicodeCharField
from security.address import (
    IPAddress,
    ban_network,
    client_address,
    is_within,
    parse_address,
)
from security.models.keys import ApiKey
from security.recent import Recent
from security.row_budget import RowBudget

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=models.Model)

NEVER = datetime.min

# At most 500 rows in 10 s: 240 + 10 * 25, and 10 for those that are always written.
new_rows = RowBudget(burst=240, rate=25)


class PrunableQuerySet(models.QuerySet[M]):
    """Rows that are kept for a time only."""

    def prune(self) -> int:
        """Delete these in batches of a thousand, whose locks are short, and return how many."""
        deleted = 0
        while batch := list(self.values_list("pk", flat=True)[:1000]):
            deleted += self.model._default_manager.filter(pk__in=batch).delete()[0]
        return deleted


class BannedIPQuerySet(PrunableQuerySet["BannedIP"]):
    def active(self) -> Self:
        return self.filter(ended=None, until__gt=timezone.now())

    def ended_before(self, span: timedelta) -> Self:
        """Those that ended longer ago than this."""
        before = timezone.now() - span
        return self.alias(over=Coalesce("ended", "until")).filter(over__lt=before)

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

    def ban_by_hand(self, address: str, duration: timedelta, reason: str, by: str) -> "BannedIP":
        """As `ban`, of the network that a person means by `address`.

        Raises `ValidationError` if it is no address or its ban would change nothing.
        """
        # The /64 is what we call an IPv6 network, so people may write it.
        parsed = parse_address(address.removesuffix("/64") if ":" in address else address)
        if parsed is None:
            raise ValidationError(
                _("%(address)r is not an IP address."), params={"address": address}
            )
        if is_within(parsed, settings.BAN_EXEMPT_NETWORKS):
            raise ValidationError(
                _("%(address)s is in BAN_EXEMPT_NETWORKS, so a ban would change nothing."),
                params={"address": parsed},
            )
        if not duration:
            raise ValidationError(_("A ban has to last longer than 0."))
        return self.ban(ban_network(parsed), duration, " ".join(reason.split())[:200], by=by)

    def lift(self, by: str) -> list["BannedIP"]:
        """End those of these bans that are active, in the name of `by`, and return them."""
        now = timezone.now()
        with transaction.atomic():
            lifted: list[BannedIP] = list(self.active().select_for_update())
            these = self.model._default_manager.filter(pk__in=[ban.pk for ban in lifted])
            these.update(ended=now, ended_by=by)
        for ban in lifted:
            ban.ended, ban.ended_by = now, by
            banned_until.forget(ban.network)
            logger.warning("Ban of %s lifted by %s", ban.network, by)
        return lifted


class BannedIP(models.Model):
    """A time in which an address gets 403. Rows stay as history."""

    # One IPv4 address, or one IPv6 /64.
    network = models.CharField(_("network"), max_length=43)
    reason = UnicodeCharField(_("reason"), max_length=200)
    began = models.DateTimeField(_("began"))
    until = models.DateTimeField(_("until"))
    # That led to it.
    attempts = models.IntegerField(_("failed attempts"), default=0)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)
    # Who lifted it; empty: it ran out.
    ended_by = UnicodeCharField(_("lifted by"), max_length=150, null=True, blank=True)

    objects = BannedIPQuerySet.as_manager()

    class Meta:
        verbose_name = _("ban")
        verbose_name_plural = _("bans")
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
            ended = last.ended or last.until
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
            username=username,
        )
        has_api_failures.forget(network)
        banned_until.forget(network)  # another process may have banned it meanwhile
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
        MISSING = "missing", _("No key")
        UNKNOWN = "unknown", _("Unknown key")
        EXPIRED = "expired", _("Expired key")
        REVOKED = "revoked", _("Revoked key")
        ADMIN_LOGIN = "admin login", _("Admin login")

    time = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    address = models.CharField(_("address"), max_length=39)
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
        return f"{self.address}: {self.get_reason_display()}"


def _load_has_api_failures(network: str) -> bool:
    return FailedAttempt.objects.unsettled(network).exists()


has_api_failures: Recent[str, bool] = Recent(_load_has_api_failures)
