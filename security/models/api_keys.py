"""API keys."""

import base64
import hashlib
import secrets
from datetime import timedelta
from functools import partial
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField
from queueapi.database.retries import retry_on_deadlock
from security.cache import QueryCache

PREFIX_LENGTH = 8
TOUCH_INTERVAL = timedelta(minutes=1)
EXPIRES_SOON = timedelta(days=14)


def hash_secret(secret: str) -> bytes:
    """SHA-256, unsalted and fast: right for 256 random bits, which nobody can try one by one."""
    return hashlib.sha256(secret.encode()).digest()


def _short_name(raw: bytes) -> str:
    """Eight characters a-z and 2-7 from five bytes: a prefix that people can read out."""
    return base64.b32encode(raw[:5]).decode().lower()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """The life of a key. Plaintexts pass through here and are kept nowhere."""

    def active(self) -> Self:
        """Keys that open the door now."""
        return self.filter(Q(expires=None) | Q(expires__gt=timezone.now()), revoked=None)

    def expiring(self) -> Self:
        """Live keys that end soon."""
        return self.active().filter(expires__lte=timezone.now() + EXPIRES_SOON)

    def issue(self, client: str, lifetime: timedelta | None) -> tuple["ApiKey", str]:
        """Make a key for `client` that ends after `lifetime` (`None`: never).

        Returns the key and its plaintext, which can't be had again.
        Raises `ValidationError` for a client name or a lifetime that makes no sense.
        """
        prefix = _short_name(secrets.token_bytes(5))
        plaintext = f"{prefix}.{secrets.token_urlsafe(32)}"
        return self._store(client, prefix, plaintext, lifetime), plaintext

    def rotate(self, client: str, overlap: timedelta) -> tuple["ApiKey", str]:
        """Make a new key for `client` now and end its other active ones after `overlap`.

        The new key gets the longest lifetime among those that it takes over from.
        Raises `ApiKey.DoesNotExist` if the client has no active key to take over from.
        """
        with transaction.atomic():
            old = self.filter(client=client).active()
            lifetimes = [key.lifetime for key in old]
            if not lifetimes:
                raise self.model.DoesNotExist(f"{client} has no active key.")
            longest = None if None in lifetimes else max(filter(None, lifetimes))
            end = timezone.now() + overlap
            old.filter(Q(expires=None) | Q(expires__gt=end)).update(expires=end)
            issued = self.issue(client, longest)
        api_key_cache.invalidate_all()
        return issued

    def import_secret(self, client: str, secret: str) -> "ApiKey":
        """Accept a secret that `client` already has, without an end.

        Its prefix comes from its hash: a part of the secret itself would give that part away.
        Raises `ValidationError` if it is too short, can't travel in a header, or is known here.
        """
        MinLengthValidator(20, "A key needs at least 20 characters; this one has %(show_value)d.")(
            secret
        )
        RegexValidator(
            r"\A[!-~]([ -~]*[!-~])?\Z", "A key may have only ASCII letters, digits and signs."
        )(secret)
        if known := self.filter(hashed_secret=hash_secret(secret).hex()).first():
            raise ValidationError(f"That key is here already: {known}.")
        return self._store(client, _short_name(hash_secret(secret)), secret, None)

    def _store(
        self, client: str, prefix: str, plaintext: str, lifetime: timedelta | None
    ) -> "ApiKey":
        now = timezone.now()
        key = self.model(
            client=client,
            prefix=prefix,
            hashed_secret=hash_secret(plaintext).hex(),
            created=now,
            expires=None if lifetime is None else now + lifetime,
        )
        key.full_clean()
        key.save(force_insert=True)
        return key

    def with_secret(self, plaintext: str) -> "ApiKey | None":
        """The key with this plaintext, in whatever state it is.

        As the database had it a few seconds ago at most; what this process changed, at once.
        """
        if not plaintext.isascii():
            return None  # no key has such signs, and text that can't be encoded must not raise
        return api_key_cache.get(hash_secret(plaintext).hex())


class ApiKey(models.Model):
    """A secret that lets one client in. A client may have any number of active keys."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    client = UnicodeCharField(
        _("client"),
        max_length=100,
        db_index=True,
        validators=[
            RegexValidator(
                r"\A[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z",
                _("A client name has no control characters, and no spaces at its ends."),
            )
        ],
    )
    prefix = models.CharField(_("prefix"), max_length=PREFIX_LENGTH, unique=True)
    hashed_secret = models.CharField(_("hash"), max_length=64, unique=True)
    created = models.DateTimeField(_("created"), default=timezone.now)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True)

    # DRF makes the key the request's user, and its IsAuthenticated asks for this.
    is_authenticated = True

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return gettext("%(prefix)s of %(client)s") % {
            "prefix": self.prefix,
            "client": self.client,
        }

    def clean(self) -> None:
        if self.expires is not None and self.expires <= self.created:
            raise ValidationError(_("A key must end later than it begins."))

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

    def revoke(self) -> bool:
        """End this key now, for good. False if it was revoked before."""
        now = timezone.now()
        changed = ApiKey.objects.filter(pk=self.pk, revoked=None).update(revoked=now)
        self.refresh_from_db(fields=["revoked"])
        api_key_cache.invalidate(self.hashed_secret)
        return bool(changed)

    def touch(self) -> None:
        """Note that the key was used, at most once a minute: most requests need no write."""
        now = timezone.now()
        due = now - TOUCH_INTERVAL
        if self.last_used is None or self.last_used <= due:
            # The condition stands again in the UPDATE, for threads that got here together.
            idle = Q(last_used=None) | Q(last_used__lte=due)
            these = ApiKey.objects.filter(idle, pk=self.pk)
            retry_on_deadlock(partial(these.update, last_used=now))
            self.last_used = now


def _load_key(hashed_secret: str) -> ApiKey | None:
    return ApiKey.objects.filter(hashed_secret=hashed_secret).first()


api_key_cache: QueryCache[str, ApiKey] = QueryCache(_load_key)
