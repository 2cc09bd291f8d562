"""The WSGI application."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A request whose `Content-Type` may be nonsense, and whose texts are UTF-8 in any case.

    Django reads that header before any of its error handling is in place, and raises on some
    parameters (`a*=bogus''x`). Such a type is treated as one that nobody accepts. And it would
    decode the query and forms with any codec that Python has, some of which only raise.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (ValueError, LookupError):
            super().__init__({**environ, "CONTENT_TYPE": "application/octet-stream"})
        if self.encoding:
            self.encoding = "utf-8"


class Handler(WSGIHandler):
    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "queueapi.settings")
django.setup(set_prefix=False)
application = Handler()
