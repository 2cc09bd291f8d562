"""API keys."""

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.log_format import log_event
from security.cache import TableCache
from security.models.clients import Client

PREFIX_LENGTH = 8
TOUCH_INTERVAL = timedelta(minutes=1)  # between two writes of `last_used`
MAX_TOUCHED = 1000  # keys in one UPDATE; SQL Server takes 2100 parameters
EXPIRES_SOON = timedelta(days=14)

touched: set[int] = set()  # primary keys, until `write_last_used`


def hash_secret(secret: str) -> str:
    """Return the SHA-256 in hex. Salt and stretching would add nothing to 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _prefix(raw: bytes) -> str:
    """Return eight characters a-z and 2-7 from five bytes, which people can read aloud."""
    return base64.b32encode(raw[:5]).decode().lower()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Issue, rotate and import API keys. No plaintext is stored or logged."""

    def active(self) -> Self:
        return self.filter(Q(expires=None) | Q(expires__gt=timezone.now()), revoked=None)

    def expiring(self) -> Self:
        """Return the active keys that expire within `EXPIRES_SOON`."""
        return self.active().filter(expires__lte=timezone.now() + EXPIRES_SOON)

    def ended(self) -> Self:
        """Return the expired and the revoked keys."""
        return self.exclude(pk__in=self.active().values("pk"))

    def issue(self, client: str, lifetime: timedelta | None) -> tuple["ApiKey", str]:
        """Create a key that expires after `lifetime` (`None`: never), for the client of this name.

        A new name creates a client, which may do everything but read.
        Returns the key and its plaintext, which is not stored.
        Raises `ValidationError` for an invalid client name and a lifetime of 0.
        """
        prefix = _prefix(secrets.token_bytes(5))
        plaintext = f"{prefix}.{secrets.token_urlsafe(32)}"
        return self._create("key.created", client, prefix, plaintext, lifetime), plaintext

    def rotate(self, client: str, overlap: timedelta) -> tuple["ApiKey", str]:
        """Issue a new key to `client` and let its other active keys expire after `overlap`.

        The new key gets the longest lifetime of those. Returns the same as `issue`.
        Raises `ApiKey.DoesNotExist` if the client has no active key.
        """
        with transaction.atomic():
            old = self.filter(client=Client.objects.with_name(client)).active()
            lifetimes = [key.lifetime for key in old]
            if not lifetimes:
                raise self.model.DoesNotExist(f"{client} has no active key.")
            longest = None if None in lifetimes else max(filter(None, lifetimes))
            end = timezone.now() + overlap
            old.filter(Q(expires=None) | Q(expires__gt=end)).update(expires=end)
            issued = self.issue(client, longest)
            api_key_cache.invalidate(*(key.hashed_secret for key in old))
        log_event("key.rotated", client=client, key=issued[0].prefix)
        return issued

    def import_secret(self, client: str, secret: str) -> "ApiKey":
        """Create a key from a secret that `client` already has; it never expires.

        Its prefix is made from the hash, because a part of the secret must not be stored.
        Raises `ValidationError` if the secret is too short, not valid in a header, or known.
        """
        MinLengthValidator(20, "A key needs at least 20 characters; this one has %(show_value)d.")(
            secret
        )
        RegexValidator(
            r"\A[!-~]([ -~]*[!-~])?\Z", "A key may have only ASCII letters, digits and signs."
        )(secret)
        hashed = hash_secret(secret)
        if known := self.filter(hashed_secret=hashed).first():
            raise ValidationError(f"That key is here already: {known}.")
        return self._create("key.imported", client, _prefix(bytes.fromhex(hashed)), secret, None)

    def _create(
        self, event: str, client: str, prefix: str, plaintext: str, lifetime: timedelta | None
    ) -> "ApiKey":
        now = timezone.now()
        expires = None if lifetime is None else now + lifetime
        key = self.model(prefix=prefix, created=now, expires=expires)
        key.client = Client.objects.with_name_or_new(client)
        key.hashed_secret = hash_secret(plaintext)
        key.full_clean()
        key.save(force_insert=True)
        log_event(event, client=client, key=prefix)
        return key

    def write_last_used(self) -> None:
        """Set `last_used` of keys that were touched, at most `MAX_TOUCHED`, to now."""
        keys = list(touched)[:MAX_TOUCHED]
        self.filter(pk__in=keys).update(last_used=timezone.now())
        touched.difference_update(keys)


class ApiKey(models.Model):
    """A secret by which a client is authenticated. A client may have several active keys."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    client = models.ForeignKey(
        Client, models.PROTECT, related_name="keys", verbose_name=_("client")
    )
    prefix = models.CharField(_("prefix"), max_length=PREFIX_LENGTH, unique=True)
    hashed_secret = models.CharField(_("hash"), max_length=64, unique=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return _("%(prefix)s of %(client)s") % {"prefix": self.prefix, "client": self.client}

    def clean(self) -> None:
        if self.expires is not None and self.expires <= self.created:
            raise ValidationError(_("A key must end later than it begins."))

    @classmethod
    def with_secret(cls, plaintext: str) -> "ApiKey | None":
        """Return the key with this plaintext, in any state; if it is active, from the cache."""
        if not plaintext.isascii():
            return None  # no key has such characters, and lone surrogates can't be encoded
        hashed = hash_secret(plaintext)
        if key := api_key_cache.get(hashed):
            return key
        # Not active, or just issued by another process.
        return cls.objects.select_related("client").filter(hashed_secret=hashed).first()

    @property
    def lifetime(self) -> timedelta | None:
        return None if self.expires is None else self.expires - self.created

    @property
    def state(self) -> State:
        if self.revoked is not None:
            return self.State.REVOKED
        if self.expires is not None and self.expires <= timezone.now():
            return self.State.EXPIRED
        return self.State.ACTIVE

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    def revoke(self) -> bool:
        """Revoke this key, which can't be undone. Return whether it was not revoked before."""
        now = timezone.now()
        changed = ApiKey.objects.filter(pk=self.pk, revoked=None).update(revoked=now)
        self.refresh_from_db(fields=["revoked"])
        api_key_cache.invalidate(self.hashed_secret)
        if changed:
            log_event("key.revoked", client=self.client.name, key=self.prefix)
        return bool(changed)

    def touch(self) -> None:
        """Have `last_used` written soon, unless that was done in the last minute."""
        now = timezone.now()
        if self.last_used is None or self.last_used <= now - TOUCH_INTERVAL:
            self.last_used = now
            touched.add(self.pk)


api_key_cache: TableCache[ApiKey] = TableCache(
    "hashed_secret",
    lambda: ApiKey.objects.active().select_related("client"),
    lambda key: (key.hashed_secret, key),
)
api_key_cache.max_rows = 1_000  # a key takes as long to read as ten bans


@receiver(post_save, sender=Client)
def after_change(instance: Client, **kwargs: object) -> None:
    """Make new limits of a client take effect in this process at once, and log the change."""
    api_key_cache.invalidate(*instance.keys.values_list("hashed_secret", flat=True))
    log_event("client.changed", client=instance.name)
