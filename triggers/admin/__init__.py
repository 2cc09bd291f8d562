"""Triggers in the back office: one list for all, and a page for each kind."""

from triggers.admin import kinds, triggers  # noqa: F401  registers them
