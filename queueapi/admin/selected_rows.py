"""Ids of the rows on a confirmation page, kept in the cache until the user confirms.

The page itself posts a token: 40,000 ids are more than a form should send.
"""

from secrets import token_urlsafe

from django.core.cache import cache
from django.db.models import QuerySet

MAX_AGE = 30 * 60  # seconds

SelectedRows = dict[str, list[str]]  # ids by status, which JSON can hold


def select(rows: QuerySet, status_field: str) -> SelectedRows:
    """Return the ids of the rows by status."""
    selected: SelectedRows = {}
    for pk, status in rows.order_by().values_list("pk", status_field).iterator():
        selected.setdefault(status, []).append(str(pk))
    return selected


def save(key: str, selected: SelectedRows) -> str:
    """Save the rows in the cache and return the token for `pop`.

    `key` names a user and an action, and holds one selection, so that no user can fill the cache.
    """
    token = token_urlsafe(16)
    cache.set(key, [token, selected], MAX_AGE)
    return token


def pop(key: str, token: str) -> SelectedRows | None:
    """Return the saved rows once; `None` if they expired or were popped or replaced."""
    saved_token, selected = cache.get(key, ["", {}])
    # Of two simultaneous requests, only one deletes the key.
    return selected if token == saved_token and cache.delete(key) else None
