"""Bans of IPs and networks."""

import logging
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField
from security.cache import QueryCache
from security.client_ip import (
    IPAddress,
    ban_network,
    is_within,
    parse_ip,
)
from security.models.pruning import PrunableQuerySet

logger = logging.getLogger(__name__)


NEVER = datetime.min


class BannedIPQuerySet(PrunableQuerySet["BannedIP"]):
    def active(self) -> Self:
        return self.filter(lifted=None, expires__gt=timezone.now())

    def ended_before(self, span: timedelta) -> Self:
        """Those that ended longer ago than this."""
        before = timezone.now() - span
        return self.alias(over=Coalesce("lifted", "expires")).filter(over__lt=before)

    def is_banned(self, address: IPAddress) -> bool:
        """Whether a ban closes this address now; costs a query every few seconds at most."""
        if is_within(address, settings.BAN_EXEMPT_NETWORKS):
            return False
        return (ban_cache.get(ban_network(address)) or NEVER) > timezone.now()

    def ban(
        self, network: str, duration: timedelta, reason: str, attempts: int = 0, by: str = ""
    ) -> "BannedIP":
        """Close `network` (see `ban_network`) for `duration`, from now on.

        If it is banned already, that ban stays, unless a person (`by`) asks: then it ends and the
        new one takes its place.
        """
        now = timezone.now()
        with transaction.atomic():
            running = self.filter(network=network, lifted=None)
            running.filter(expires__lte=now).update(lifted=F("expires"))
            if by:
                running.update(lifted=now, lifted_by=by)
            # At the same time in another process: the unique constraint lets one win.
            ban, is_new = self.get_or_create(
                network=network,
                lifted=None,
                defaults={
                    "reason": reason,
                    "created": now,
                    "expires": now + duration,
                    "attempts": attempts,
                },
            )
        ban_cache.invalidate(network)
        if is_new:
            logger.warning(
                "Banned %s until %s: %s", network, f"{ban.expires:%Y-%m-%d %H:%M}", reason
            )
        return ban

    def ban_by_hand(self, address: str, duration: timedelta, reason: str, by: str) -> "BannedIP":
        """As `ban`, of the network that a person means by `address`.

        Raises `ValidationError` if it is no address or its ban would change nothing.
        """
        # The /64 is what we call an IPv6 network, so people may write it.
        parsed = parse_ip(address.removesuffix("/64") if ":" in address else address)
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
            these.update(lifted=now, lifted_by=by)
        for ban in lifted:
            ban.lifted, ban.lifted_by = now, by
            ban_cache.invalidate(ban.network)
            logger.warning("Ban of %s lifted by %s", ban.network, by)
        return lifted


class BannedIP(models.Model):
    """A time in which an address gets 403. Rows stay as history."""

    # One IPv4 address, or one IPv6 /64.
    network = models.CharField(_("network"), max_length=43)
    reason = UnicodeCharField(_("reason"), max_length=200)
    created = models.DateTimeField(_("created"))
    expires = models.DateTimeField(_("expires"))
    # That led to it.
    attempts = models.IntegerField(_("failed attempts"), default=0)
    lifted = models.DateTimeField(_("lifted"), null=True, blank=True)
    # Who lifted it; empty: it ran out.
    lifted_by = UnicodeCharField(_("lifted by"), max_length=150, null=True, blank=True)

    objects = BannedIPQuerySet.as_manager()

    class Meta:
        verbose_name = _("ban")
        verbose_name_plural = _("bans")
        constraints = [
            models.UniqueConstraint(
                fields=["network"], condition=Q(lifted=None), name="one_active_ban_per_network"
            )
        ]

    def __str__(self) -> str:
        return self.network

    @property
    def is_active(self) -> bool:
        return self.lifted is None and self.expires > timezone.now()


def _load_ban_expiry(network: str) -> datetime:
    expires = BannedIP.objects.active().filter(network=network).values_list("expires", flat=True)
    return expires.first() or NEVER


ban_cache: QueryCache[str, datetime] = QueryCache(_load_ban_expiry)
