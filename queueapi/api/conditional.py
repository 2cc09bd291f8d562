"""Conditional requests of clients that poll (RFC 9110, section 13)."""

from django.utils.cache import set_response_etag
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response


def apply_conditions(request: Request, response: Response) -> None:
    """Add `ETag` to the response to a GET; make it a 304 if `If-None-Match` has the same.

    Renders the response, so call it after DRF's `finalize_response()`. The other headers stay:
    Django's `get_conditional_response()` would drop them, and respond to `If-Match` with a 412
    that has no body.
    """
    if request.method not in {"GET", "HEAD"}:
        return
    # Proxies must not store it, and clients must revalidate it before use.
    response.headers["Cache-Control"] = "private, no-cache"
    if response.status_code != 200:
        return
    etag = set_response_etag(response.render()).headers["ETag"]
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in {each.removeprefix("W/") for each in known}:
        response.status_code = 304
        response.content = b""
        del response.headers["Content-Type"]
