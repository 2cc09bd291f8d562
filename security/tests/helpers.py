"""What the tests of the door share."""

from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache

ITEM = {"queue_name": "q"}


def run(*arguments: str) -> tuple[str, str]:
    """What a management command prints on stdout and on stderr."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def wrong(api, times: int = 1, **headers: str) -> list[int]:
    """The answers to attempts with a wrong key."""
    return [
        api.post("/api/queue", ITEM, **{"X_API_Key": "wrong", **headers}).status_code
        for _ in range(times)
    ]


def right(api, **headers: str) -> int:
    return api.post("/api/queue", ITEM, **headers).status_code


def login(client: Client, username: str = "anna", password: str = "wrong") -> int:
    return client.post("/admin/login/", {"username": username, "password": password}).status_code


def a_few_seconds_later() -> None:
    """What another process sees once it has asked the database again."""
    for recent in (ban_cache, api_failure_cache, api_key_cache):
        recent.invalidate_all()


@contextmanager
def no_writes_to(table: str):
    def refuse(execute, sql, params, many, context):
        if table in sql and not sql.startswith("SELECT"):
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
