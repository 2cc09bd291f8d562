"""Clients, API keys, bans, failed attempts and idempotency keys."""

from security.models.api_keys import ApiKey
from security.models.bans import BannedIP
from security.models.clients import Client
from security.models.failed_attempts import FailedAttempt
from security.models.idempotency_keys import IdempotencyKey

__all__ = ["ApiKey", "BannedIP", "Client", "FailedAttempt", "IdempotencyKey"]
