"""What decides who may enter, and what is known of those who may not."""

from security.models.bans import BannedIP, FailedAttempt
from security.models.keys import ApiKey

__all__ = ["ApiKey", "BannedIP", "FailedAttempt"]
