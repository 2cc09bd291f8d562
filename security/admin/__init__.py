"""API keys, bans and failed attempts in the admin. Each action calls the commands' own method."""

from security.admin import api_keys, bans, failed_attempts, login  # noqa: F401  registers them
