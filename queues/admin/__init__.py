"""Queue items in the back office."""

from queues.admin import items  # noqa: F401  registers them
