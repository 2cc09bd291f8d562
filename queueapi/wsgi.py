"""The WSGI application.

Serve it with `manage.py serve`: other WSGI servers do not start the thread that writes `last_used`
of API keys.
"""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

# Characters. Python parses a quoted parameter with many semicolons in quadratic time
# (https://github.com/python/cpython/issues/136063).
LONGEST_CONTENT_TYPE = 1000
# Replaces a `Content-Type` that can't be parsed. No endpoint accepts it.
UNREADABLE = "application/octet-stream"


class Request(WSGIRequest):
    """Decode query and forms as UTF-8 and survive any `Content-Type`.

    Django parses that header before its error handling begins, and raises on some parameters, such
    as `a*=bogus''x`. Unnecessary once https://code.djangoproject.com/ticket/36991 is released.
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
        """`None`, for which Django takes UTF-8."""

    @encoding.setter
    def encoding(self, charset: str) -> None:
        """Ignore the charset of the `Content-Type`.

        Django's setter parses the query to parse it again later (ticket 27156), which raises on too
        many parameters and on some codecs.
        """


class Handler(WSGIHandler):
    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "queueapi.settings")
django.setup(set_prefix=False)
application = Handler()
