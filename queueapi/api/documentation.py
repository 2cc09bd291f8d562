"""The API's document in OpenAPI, and Swagger UI to try it. Neither needs a key or the database."""

from functools import cache
from typing import cast

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView


class DocumentationView(APIView):
    """View for everybody, without limits."""

    http_method_names = ["get", "head"]
    authentication_classes = []
    throttle_classes = []
    permission_classes = []


class RootView(DocumentationView):
    def get(self, request: Request) -> HttpResponse:
        return redirect("docs")


class DocsView(DocumentationView):
    """Swagger UI."""

    def get(self, request: Request) -> HttpResponse:
        response = render(request._request, "queueapi/api_docs.html")
        policy = settings.CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")
        response.headers["Content-Security-Policy"] = policy
        return response


class SchemaView(DocumentationView):
    """The document in JSON, or in YAML if `Accept` or `?format=yaml` asks for it."""

    content_negotiation_class = DefaultContentNegotiation
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer2,
        OpenApiYamlRenderer,
    ]

    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        return HttpResponse(render_document(renderer.format), content_type=renderer.media_type)


@cache
def render_document(name: str) -> bytes:
    """Return the document in this format. Cached, because it is the same for every request."""
    # Imported here: it takes 12 MiB of memory, and few processes are asked for the document.
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415

    document = SchemaGenerator().get_schema(public=True)
    renderers = {renderer.format: renderer for renderer in SchemaView.renderer_classes}
    return cast(bytes, renderers[name]().render(document))
