"""Content negotiation of an API that reads and writes JSON only."""

from collections.abc import Iterable

from django.conf import settings
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AlwaysJSON(DefaultContentNegotiation):
    """Ignores `Accept` and `?format=`, and compares a body's `Content-Type` exactly.

    DRF would accept a `Content-Type` of `*/*`. With `ACCEPT_ANY_CONTENT_TYPE`, all are accepted
    except multipart. No form of a web page can add an `X-API-Key`.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = request.content_type.partition(";")[0].strip().lower()
        if settings.ACCEPT_ANY_CONTENT_TYPE and not content_type.startswith("multipart/"):
            return next(iter(parsers))
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
