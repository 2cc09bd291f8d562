"""The WSGI application."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A request whose texts are UTF-8, whatever its `Content-Type` says.

    Django reads that header before any of its error handling is in place, and raises on some
    parameters (`a*=bogus''x`). Such a type is replaced by one that no endpoint accepts.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (ValueError, LookupError):
            super().__init__({**environ, "CONTENT_TYPE": "application/octet-stream"})

    @property
    def encoding(self) -> None:
        """No charset, which is UTF-8 for the query and forms."""

    @encoding.setter
    def encoding(self, charset: str) -> None:
        """Ignore the charset of the header.

        Django's own setter parses the query, which raises on too many parameters and on some
        codecs.
        """


class Handler(WSGIHandler):
    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "queueapi.settings")
django.setup(set_prefix=False)
application = Handler()
