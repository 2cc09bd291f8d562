"""Errors are JSON of one shape, and HTML in the admin."""

from typing import NoReturn

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from queueapi.tests.helpers import Api
from queues.models import QueueItem

pytestmark = pytest.mark.django_db


def test_unknown_path_gets_404(api: Api) -> None:
    response = api.client.get("/nothing/here")
    assert response.status_code == 404
    assert response.json() == {"success": False, "error": "There is nothing at this URL."}


@pytest.mark.parametrize(
    "path", ["/", "/api/docs/x", "/api/queue/x/y", "/api/queues", "/api/queue//", "/adminx/"]
)
def test_paths_beside_the_endpoints_get_404_as_json(api: Api, path: str) -> None:
    response = api.post(path, {})
    assert response.status_code == 404
    assert response.json()["success"] is False


@pytest.mark.parametrize("path", ["/api/queue", "/api/trigger", "/api/queue/"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_get_405(api: Api, path: str, method: str) -> None:
    response = api.client.generic(method, path, headers={"X-API-Key": api.key})
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"
    assert response.json() == {"success": False, "error": f'Method "{method}" not allowed.'}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_of_a_bulk_get_405(api: Api, method: str) -> None:
    response = api.client.generic(method, "/api/queue/bulk", headers={"X-API-Key": api.key})
    assert response.status_code == 405
    assert response["Allow"] == "POST"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_of_an_item_get_405(api: Api, method: str) -> None:
    response = api.client.generic(method, "/api/queue/x", headers={"X-API-Key": api.key})
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_wrong_host_gets_400(api: Api) -> None:
    response = api.post("/api/queue", {"queue_name": "q"}, Host="evil.example.org")
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "The Host header is not a name of this server.",
    }
    assert not QueueItem.objects.exists()


def test_wrong_host_is_logged_without_traceback(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.post("/api/queue", {"queue_name": "q"}, Host="evil.example.org")
    assert "evil.example.org" in caplog.text
    assert "Traceback" not in caplog.text


def test_body_above_the_limit_gets_413(api: Api, settings: Settings) -> None:
    settings.MAX_REQUEST_BYTES = 100
    response = api.post("/api/queue", {"queue_name": "q", "message": "x" * 100})
    assert response.status_code == 413
    assert response.json() == {
        "success": False,
        "error": "The body is larger than this server accepts.",
    }


def test_database_error_gets_500_without_details(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.post("/api/queue", {"queue_name": "q"})
    with connection.execute_wrapper(fail):
        response = api.post("/api/queue", {"queue_name": "q"}, X_Request_ID="find-me")
    assert response.status_code == 500
    assert response["Content-Type"] == "application/json"
    assert set(response.json()) == {"success", "error"}
    assert "X-Request-ID" in response.json()["error"]
    assert "sql02" not in response.content.decode()
    assert "sql02 is on fire" in caplog.text  # the traceback


def fail(*_: object) -> NoReturn:
    raise RuntimeError("sql02 is on fire")


@pytest.mark.parametrize("path", ["nothing/", "r/1/1/", "r/1/x/"])
def test_unknown_admin_path_gets_html(admin_client: Client, path: str) -> None:
    response = admin_client.get(f"/admin/{path}")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_admin_redirects_to_the_slash(client: Client) -> None:
    response = client.get("/admin")
    assert response.status_code == 301
    assert response["Location"] == "/admin/"
