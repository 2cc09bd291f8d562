"""Helpers for the tests of keys, bans and rates."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from math import inf
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from queueapi.tests.helpers import Api
from security.cache import Snapshot
from security.refresh_thread import CACHES

ITEM = {"queue_name": "q"}


def run(*arguments: str) -> tuple[str, str]:
    """Run a management command and return what it writes to stdout and stderr."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def wrong(api: Api, times: int = 1, **headers: str) -> list[int]:
    """Post with a wrong key, and return the status codes."""
    return [
        api.post("/api/queue", ITEM, **{"X_API_Key": "wrong", **headers}).status_code
        for _ in range(times)
    ]


def right(api: Api, **headers: str) -> int:
    """Post with the right key, and return the status code."""
    return api.post("/api/queue", ITEM, **headers).status_code


def login(client: Client, username: str = "anna", password: str = "wrong") -> int:
    """Post the admin's login form, and return the status code."""
    return client.post("/admin/login/", {"username": username, "password": password}).status_code


def invalidate_caches() -> None:
    """Let this process see changes that tests make without the models' own methods."""
    for table_cache in CACHES:
        empty: Snapshot[Any] = Snapshot(-inf, {}, None)
        table_cache._snapshot = empty


@contextmanager
def no_writes_to(table: str) -> Iterator[None]:
    """Raise `OperationalError` for each write to the table."""

    def execute(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if table in sql and not sql.startswith("SELECT"):
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield
