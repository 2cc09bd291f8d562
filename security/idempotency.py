"""Write once for requests with the same `Idempotency-Key`."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import Error, IntegrityError, connection, transaction
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from queueapi.database.retries import ensure_connection, is_timeout
from security.authentication import get_client
from security.models import IdempotencyKey

VALUE = re.compile(r"[!-+\--~]{1,255}")  # visible ASCII without the comma
QUOTED_STRING = re.compile(r'"((?:[^"\\]|\\["\\])*)"')  # RFC 9651, section 3.3.3
INVALID_HEADER = (
    "Send Idempotency-Key once, with 1 to 255 visible ASCII characters and without a comma."
)


class KeyInProgress(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = (
        "Another request with this Idempotency-Key is in progress, or the database is busy; "
        "try again."
    )
    wait = 1  # seconds, for Retry-After


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used with other input; use a new one."


def read_header(request: Request) -> str | None:
    """Return the value of the header without quotes; `None` if it is absent.

    draft-ietf-httpapi-idempotency-key-header-07 is the source, which demands quotes; here they are
    optional. Raises `ParseError` if it is invalid.
    """
    value = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if value is None:
        return None
    if value.startswith('"'):
        quoted = QUOTED_STRING.fullmatch(value)
        value = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    # Waitress joins headers that are sent twice with a comma.
    if not VALUE.fullmatch(value):
        raise ParseError(INVALID_HEADER)
    return value


def get_key(request: Request, endpoint: str, validated: Any) -> IdempotencyKey | None:
    """Return the key of a request with this input, not saved; `None` without the header.

    Raises `ParseError` for an invalid header.
    """
    value = read_header(request)
    if value is None:
        return None
    return IdempotencyKey.objects.build(get_client(request).pk, endpoint, value, validated)


def run_once(key: IdempotencyKey | None, write: Callable[[], Response]) -> Response:
    """Return the response of `write`, or the stored one if a request with this key succeeded.

    `write` has to raise an exception for all but 2xx; that rolls back the key as well. After a
    database error the transaction is repeated once: if it was committed after all, the key is
    known. Without a key, this only calls `write`.

    Raises `KeyReused` if the key was used with other input, and `KeyInProgress`.
    """
    if key is None:
        return write()
    for is_last in (False, True):
        ensure_connection()
        try:
            # Django closes a cursor of a lost connection with the driver's own error.
            with connection.wrap_database_errors:
                if response := _write(key, write) or _replay(key):
                    return response
        except Error:
            if is_last:
                raise
            with suppress(Error):  # mssql-python's, if it can't roll back while it closes
                connection.close_if_unusable_or_obsolete()
    raise KeyInProgress


def _write(key: IdempotencyKey, write: Callable[[], Response]) -> Response | None:
    """Insert the key, write and store the response in one transaction; `None` if it is known."""
    is_inserted = False
    try:
        with transaction.atomic(durable=True):
            key.save(force_insert=True)  # waits for another transaction with the same key
            is_inserted = True
            response = write()
            key.store_response(response.status_code, JSONRenderer().render(response.data).decode())
    except IntegrityError:
        if is_inserted:
            raise
        return None
    except Error as error:
        if is_inserted or not is_timeout(error):
            raise
        raise KeyInProgress from error
    return response


def _replay(key: IdempotencyKey) -> Response | None:
    """Return the stored response; `None` if the row was deleted meanwhile."""
    known = IdempotencyKey.objects.filter(pk=key.pk).first()
    if known is None:
        return None
    if known.fingerprint != key.fingerprint:
        raise KeyReused
    headers = {"Idempotency-Replayed": "true"}
    return Response(json.loads(known.body), known.status_code, headers=headers)
