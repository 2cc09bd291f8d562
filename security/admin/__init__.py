"""Keys, bans and failed attempts in the back office, each calling what the commands call."""

from security.admin import attempts, bans, keys, login  # noqa: F401  registers them
