"""Bans of client IPs."""

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
from security.cache import TableCache
from security.client_ip import IPAddress, ban_network, is_within, parse_ip

logger = logging.getLogger(__name__)


class BannedIPQuerySet(models.QuerySet["BannedIP"]):
    def active(self) -> Self:
        return self.filter(lifted=None, expires__gt=timezone.now())

    def ended(self) -> Self:
        """Return the expired and the lifted bans."""
        return self.exclude(pk__in=self.active().values("pk"))

    def older_than(self, age: timedelta) -> Self:
        """Return the bans that ended longer ago than `age`."""
        before = timezone.now() - age
        return self.alias(end=Coalesce("lifted", "expires")).filter(end__lt=before)

    def ban(
        self, network: str, duration: timedelta, reason: str, attempts: int = 0, by: str = ""
    ) -> "BannedIP":
        """Ban `network` (see `ban_network`) for `duration` from now on, and return the ban.

        An active ban of it is returned as it is, unless a user (`by`) bans: then that ban is
        lifted and replaced.
        """
        now = timezone.now()
        with transaction.atomic():
            # The unique constraint is on bans that are not lifted, so expired ones become so.
            not_lifted = self.filter(network=network, lifted=None)
            not_lifted.filter(expires__lte=now).update(lifted=F("expires"))
            if by:
                not_lifted.update(lifted=now, lifted_by=by)
            # Of several processes that ban at the same time, the unique constraint lets one win.
            values = {"created": now, "expires": now + duration, "attempts": attempts}
            ban, is_new = self.get_or_create(
                network=network, lifted=None, defaults={"reason": reason, **values}
            )
        ban_cache.invalidate(network)
        if is_new:
            until = f"{ban.expires:%Y-%m-%d %H:%M}"
            extra = {"fields": {"event": "ban.started", "network": network, "user": by}}
            logger.warning("Banned %s until %s: %s", network, until, reason, extra=extra)
        return ban

    def ban_by_hand(self, ip: str, duration: timedelta, reason: str, by: str) -> "BannedIP":
        """Ban the network of an IP that a user typed, and return the ban.

        Raises `ValidationError` if it is not an IP or is exempt, and for a `duration` of 0.
        """
        # Lists show the /64 of an IPv6 address, so users may type it.
        parsed = parse_ip(ip.removesuffix("/64") if ":" in ip else ip)
        if parsed is None:
            raise ValidationError(_("%(ip)r is not an IP address."), params={"ip": ip})
        if is_within(parsed, settings.BAN_EXEMPT_NETWORKS):
            raise ValidationError(
                _("%(ip)s is in BAN_EXEMPT_NETWORKS, so a ban would change nothing."),
                params={"ip": parsed},
            )
        if not duration:
            raise ValidationError(_("A ban has to last longer than 0."))
        return self.ban(ban_network(parsed), duration, " ".join(reason.split())[:200], by=by)

    def lift(self, by: str) -> list["BannedIP"]:
        """Lift the active ones of these bans in the name of the user `by`, and return them."""
        now = timezone.now()
        with transaction.atomic():
            lifted: list[BannedIP] = list(self.active().select_for_update())
            rows = self.model._default_manager.filter(pk__in=[ban.pk for ban in lifted])
            rows.update(lifted=now, lifted_by=by)
        for ban in lifted:
            ban.lifted, ban.lifted_by = now, by
            ban_cache.invalidate(ban.network)
            extra = {"fields": {"event": "ban.lifted", "network": ban.network, "user": by}}
            logger.warning("Ban of %s lifted by %s", ban.network, by, extra=extra)
        return lifted


class BannedIP(models.Model):
    """A ban of an IPv4 address or an IPv6 /64. Ended bans are kept as history."""

    network = models.CharField(_("network"), max_length=43)
    reason = UnicodeCharField(_("reason"), max_length=200)
    created = models.DateTimeField(_("created"))
    expires = models.DateTimeField(_("expires"))
    attempts = models.IntegerField(_("failed attempts"), default=0)
    lifted = models.DateTimeField(_("lifted"), null=True, blank=True)
    # A user name, or the account that ran manage.py; empty if the ban expired.
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
        # For `active()`: after an attack, many bans are expired and not lifted.
        indexes = [models.Index(fields=["expires"], name="banned_ip_expires")]

    def __str__(self) -> str:
        return self.network

    @classmethod
    def is_banned(cls, ip: IPAddress) -> bool:
        """Return whether this IP is banned now, from a cache of `MAX_AGE` seconds."""
        if is_within(ip, settings.BAN_EXEMPT_NETWORKS):
            return False
        expires = ban_cache.get(ban_network(ip))
        return expires is not None and expires > timezone.now()

    @property
    def is_active(self) -> bool:
        return self.lifted is None and self.expires > timezone.now()


ban_cache: TableCache[datetime] = TableCache(
    "network", lambda: BannedIP.objects.active().values_list("network", "expires")
)
