"""The back office: what its pages share, and those of accounts and of the audit log."""

from queueapi.admin import accounts, log  # noqa: F401  registers them
