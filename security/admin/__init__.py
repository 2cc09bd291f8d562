"""The pages of clients, keys, bans and failed attempts; actions call the commands' own methods."""

# Registers them.
from security.admin import api_keys, bans, clients, failed_attempts, login  # noqa: F401
