"""Keys, bans and failed attempts in the back office, each calling what the commands call."""

from security.admin import api_keys, bans, failed_attempts, login  # noqa: F401  registers them
