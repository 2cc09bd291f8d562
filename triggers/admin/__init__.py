"""The admin of triggers: one list for all, and a page for each trigger type."""

from triggers.admin import trigger_types, triggers  # noqa: F401  registers them
