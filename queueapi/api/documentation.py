"""The API's document in OpenAPI, and Swagger UI to try it. Neither needs a key or the database."""

from functools import cache
from threading import Lock
from typing import cast

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from rest_framework.request import Request
from rest_framework.views import APIView

# Of the document; the first is the default.
MEDIA_TYPES = {
    "application/json": "json",
    "application/vnd.oai.openapi+json": "json",
    "application/yaml": "yaml",
    "application/vnd.oai.openapi": "yaml",
}


class DocumentationView(APIView):
    """View for everybody, without limits."""

    http_method_names = ["get", "head"]
    authentication_classes = []
    throttle_classes = []
    permission_classes = []
    schema = None  # not in the document


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
    """The document in JSON, or in YAML if `?format=yaml` or `Accept` asks for it.

    The first type in `Accept` that the document has decides. Its parameters are not parsed, because
    Django's parser takes quadratic time, and raises on some of them.
    """

    lock = Lock()

    def get(self, request: Request) -> HttpResponse:
        ranges = request.headers.get("Accept", "").split(",")
        names = [each.partition(";")[0].strip().lower() for each in ranges]
        wanted = [f"application/{request.query_params.get('format')}", *names]
        media_type = next((name for name in wanted if name in MEDIA_TYPES), "application/json")
        with self.lock:  # parallel first requests generate it once
            content = render_document(MEDIA_TYPES[media_type])
        return HttpResponse(content, content_type=media_type, headers={"Vary": "Accept"})


@cache
def render_document(name: str) -> bytes:
    """Return the document in JSON or YAML. Cached, because it is the same for every request."""
    # Imported here: they take 13 MiB of memory, and few processes are asked for the document.
    from drf_spectacular import generators, renderers  # noqa: PLC0415

    document = generators.SchemaGenerator().get_schema(public=True)
    renderer = renderers.OpenApiYamlRenderer if name == "yaml" else renderers.OpenApiJsonRenderer
    return cast(bytes, renderer().render(document))
