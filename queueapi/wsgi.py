"""The WSGI application."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

# Characters. Python parses a quoted parameter with many semicolons in quadratic time.
LONGEST_CONTENT_TYPE = 1000
# Stands for a `Content-Type` that can't be parsed. No endpoint accepts it.
UNREADABLE = "application/octet-stream"


class Request(WSGIRequest):
    """A request whose texts are UTF-8, whatever its `Content-Type` says.

    Django parses that header before any of its error handling is in place, and raises on some
    parameters (`a*=bogus''x`). Such a type, and one that is too long, is replaced.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        if len(environ.get("CONTENT_TYPE", "")) > LONGEST_CONTENT_TYPE:
            environ["CONTENT_TYPE"] = UNREADABLE
        try:
            super().__init__(environ)
        except (ValueError, LookupError):
            super().__init__({**environ, "CONTENT_TYPE": UNREADABLE})

    @property
    def encoding(self) -> None:
        """`None`, for which Django decodes the query and forms as UTF-8."""

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
