"""Waitress without a framework: read the body and respond as if an item had been stored."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    body = b'{"success":true,"id":"%b"}' % str(uuid4()).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("201 Created", headers)
    return [body]
