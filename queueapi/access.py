"""Observe each request and its response."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse


class AccessMiddleware:
    """Measure the seconds of each request. The outermost middleware, so that it sees them all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begin = perf_counter()
        response = self.get_response(request)
        observe(request, response, perf_counter() - begin)
        return response


def observe(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    pass
