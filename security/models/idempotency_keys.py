"""Idempotency keys, and the responses to requests that had them."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from queueapi.database.model_fields import DigestField


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def older_than(self, age: timedelta) -> Self:
        return self.filter(created__lt=timezone.now() - age)

    def build(self, client: Any, endpoint: str, value: str, validated: Any) -> "IdempotencyKey":
        """Return the key of a request, not saved. `client` and `validated` must suit JSON.

        Times in `validated` may be datetimes.
        """
        identity = json.dumps([client, endpoint, value])
        # White space and the order of members make no difference.
        content = json.dumps(
            validated, sort_keys=True, separators=(",", ":"), default=datetime.isoformat
        )
        # An HMAC: a plain hash of short texts, such as a CPR number, could be guessed.
        fingerprint = salted_hmac("security.IdempotencyKey", content, algorithm="sha256")
        return self.model(
            digest=hashlib.sha256(identity.encode()).digest(), fingerprint=fingerprint.digest()
        )


class IdempotencyKey(models.Model):
    """The `Idempotency-Key` of a request that succeeded, and the response to it.

    Inserted first in the transaction of the request's write, and filled in at its end, so that
    others see it complete or not at all.
    """

    # SHA-256 of the client, the endpoint and the header's value. A text column would take KEY-x
    # for Key-x under SQL Server's collations.
    digest = DigestField(max_length=32, primary_key=True)
    # HMAC-SHA-256 of the validated input.
    fingerprint = DigestField(max_length=32)
    # Not NULL meanwhile: each NULL parameter costs mssql-python a round trip (its issue 610).
    status_code = models.IntegerField(default=0)
    body = models.TextField(default="")
    created = models.DateTimeField(default=timezone.now, db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # the admin does not show them

    def store_response(self, status_code: int, body: str) -> None:
        self.status_code, self.body = status_code, body
        self.save(update_fields=["status_code", "body"])
