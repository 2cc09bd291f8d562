"""What Waitress alone costs: reads the body and answers as if it had stored an item."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    answer = b'{"success":true,"id":"%b"}' % str(uuid4()).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("201 Created", headers)
    return [answer]
