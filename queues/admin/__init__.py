"""The admin of queue items."""

from queues.admin import items  # noqa: F401  registers them
