"""`/api/schema`, `/api/docs` and `/api/`, without a browser."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
import pytest
import rest_framework
import yaml
from django.conf import settings
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from pytest_django import DjangoAssertNumQueries

import queueapi
from queueapi.api.documentation import render_document
from queueapi.tests.helpers import Api, Serve
from security.models import BannedIP
from security.tests.helpers import right, wrong

PATHS = ["/api", "/api/", "/api/docs", "/api/docs/", "/api/schema", "/api/schema/"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


# The document.


@pytest.mark.parametrize(
    "accept", ["", "*/*", BROWSER, "application/json", "text/html", "nonsense"]
)
def test_the_document_is_json_by_default(client: Client, accept: str) -> None:
    response = client.get("/api/schema", headers={"Accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.json()["openapi"].startswith("3.1")


@pytest.mark.parametrize("accept", ["application/yaml", "application/vnd.oai.openapi"])
def test_accept_selects_yaml(client: Client, accept: str) -> None:
    response = client.get("/api/schema", headers={"Accept": accept})
    assert response["Content-Type"] == accept
    assert response["Vary"] == "Accept"
    assert yaml.safe_load(response.content) == client.get("/api/schema").json()


@pytest.mark.parametrize(
    "accept",
    [
        "a/a;x*=bogus''a",
        "a/a;x*=undefined''a",
        "a/a;x*=%00''a",
        "a/a;q=nan",
        'a/a;x="' + 30_000 * ";",
        7_000 * "a/a,",
    ],
    ids=["codec", "failing codec", "no codec", "quality", "quote", "many"],
)
def test_parameters_in_accept_are_not_parsed(
    client: Client, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    # Django's parser raises on some of them, and takes quadratic time for others.
    monkeypatch.delattr("django.http.request.MediaType")
    response = client.get("/api/schema", headers={"Accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


def test_format_takes_precedence_over_accept(client: Client) -> None:
    response = client.get("/api/schema?format=json", headers={"Accept": "application/yaml"})
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("query", ["?format=yaml", "/?format=yaml"])
def test_format_selects_yaml(client: Client, query: str) -> None:
    response = client.get(f"/api/schema{query}", headers={"Accept": BROWSER})
    assert response["Content-Type"] == "application/yaml"
    assert response.content.startswith(b"openapi: 3.1")


def test_an_unknown_format_gets_json(client: Client) -> None:
    assert client.get("/api/schema?format=xml")["Content-Type"] == "application/json"


def test_head_gets_the_headers_of_get(client: Client) -> None:
    response = client.head("/api/schema")
    assert response.content == b""
    assert response.headers["Content-Length"] == client.get("/api/schema").headers["Content-Length"]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Forget the document, and return a list of the generators that make it again."""
    generators: list[object] = []
    generate: Any = SchemaGenerator.get_schema

    def get_schema(generator: SchemaGenerator, **options: Any) -> Any:
        generators.append(generator)
        return generate(generator, **options)

    monkeypatch.setattr(SchemaGenerator, "get_schema", get_schema)
    render_document.cache_clear()
    return generators


def test_parallel_first_requests_generate_the_document_once(generated: list[object]) -> None:
    with ThreadPoolExecutor(20) as threads:
        bodies = set(threads.map(lambda _: Client().get("/api/schema").content, range(20)))
    assert len(generated) == 1
    assert json.loads(bodies.pop())["paths"]
    assert not bodies


@pytest.mark.django_db
def test_the_document_is_in_english_after_a_danish_page(
    client: Client, generated: list[object]
) -> None:
    english = client.get("/api/schema").content
    render_document.cache_clear()
    danish = {"Accept-Language": "da"}
    assert b"Brugernavn" in client.get("/admin/login/", headers=danish).content
    assert client.get("/api/schema", headers=danish).content == english
    assert len(generated) == 2


# The page.


def test_the_page_links_to_the_document_also_without_javascript(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert "<noscript>" in page
    types = [client.get(path)["Content-Type"] for path in re.findall(r'<a href="([^"]+)"', page)]
    assert types == ["application/json", "application/yaml"]


def test_only_the_page_may_show_images_of_its_styles(client: Client) -> None:
    policy = client.get("/api/docs")["Content-Security-Policy"]
    assert policy == settings.CONTENT_SECURITY_POLICY.replace(
        "img-src 'self';", "img-src 'self' data:;"
    )
    assert "data:" not in client.get("/api/schema")["Content-Security-Policy"]


# All of the documentation.


@pytest.mark.parametrize("path", ["/api", "/api/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_redirects_to_the_page(client: Client, path: str, method: str) -> None:
    response = client.generic(method, path)
    assert response.status_code == 302
    assert response["Location"] == "/api/docs"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_get_405(client: Client, path: str, method: str) -> None:
    response = client.generic(method, path, headers={"Accept": "application/yaml"})
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"
    assert response.json() == {"success": False, "error": f'Method "{method}" not allowed.'}


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_no_path_queries_the_database_or_sets_a_cookie(
    client: Client, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    headers = {"X-API-Key": "wrong", "Cookie": "sessionid=x; csrftoken=y"}
    with django_assert_num_queries(0):
        response = client.get(path, headers=headers)
    assert response.status_code in {200, 302}
    assert not response.cookies
    assert "RateLimit-Limit" not in response.headers


@pytest.mark.django_db
def test_a_banned_ip_can_read_it(api: Api) -> None:
    wrong(api, 5)
    assert right(api) == 403
    assert {api.client.get(path).status_code for path in PATHS} == {200, 302}


@pytest.mark.django_db
def test_requests_of_it_are_not_failed_attempts(client: Client) -> None:
    for _ in range(10):
        for path in PATHS:
            client.get(path, headers={"X-API-Key": "wrong"})
            client.post(path, headers={"X-API-Key": "wrong"})
    assert not BannedIP.objects.exists()


@pytest.mark.parametrize("database", ["sqlite:///{folder}", "mssql://joe:word@127.0.0.1:1/base"])
def test_it_needs_no_database_and_tells_nothing_of_the_installation(
    serve: Serve, tmp_path: Path, database: str
) -> None:
    installation = {
        "DATABASE_URL": database.format(folder=quote(str(tmp_path))),  # SQLite opens no folders
        "SECRET_KEY": "of-this-installation" * 3,
        "ALLOWED_HOSTS": "127.0.0.1,queue.example.org",
        "TIME_ZONE": "Europe/Copenhagen",
    }
    told = [*installation.values(), str(settings.BASE_DIR), str(tmp_path), "queue.example.org"]
    told += ["joe", "sqlite", "mssql", "django", "python", "waitress"]
    told += [django.__version__, rest_framework.__version__, queueapi.__version__]
    server = serve(**installation)
    for path in PATHS:
        response, body = server.request("GET", path)
        assert response.status in {200, 302}
        text = f"{response.headers}\n{body.decode()}".lower()
        assert [each for each in told if each.lower() in text] == [], path
