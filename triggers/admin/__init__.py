"""Triggers in the back office: one list for all, and a page for each kind."""

from triggers.admin import trigger_types, triggers  # noqa: F401  registers them
