"""Clients, API keys, bans and failed attempts."""

from security.models.api_keys import ApiKey
from security.models.bans import BannedIP
from security.models.clients import Client
from security.models.failed_attempts import FailedAttempt

__all__ = ["ApiKey", "BannedIP", "Client", "FailedAttempt"]
