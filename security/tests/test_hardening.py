"""Headers, cookies and passwords."""

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from queueapi.tests.helpers import Api, ClientResponse, SignIn

pytestmark = pytest.mark.django_db

ITEM = {"queue_name": "q"}


def responses(api: Api) -> dict[str, ClientResponse]:
    """Return one response of each kind."""
    return {
        "201": api.post("/api/queue", ITEM),
        "400": api.post("/api/queue", {}),
        "401": api.post("/api/queue", ITEM, X_API_Key="wrong"),
        "404": api.client.get("/nothing"),
        "wrong host": api.post("/api/queue", ITEM, Host="evil.example.org"),
        "static": api.client.get("/static/admin/css/base.css"),
        "login form": api.client.get("/admin/login/"),
        "redirect": api.client.get("/admin/"),
        "banned": banned(api),
    }


def banned(api: Api) -> ClientResponse:
    for _ in range(5):
        api.post("/api/queue", ITEM, X_API_Key="wrong")
    response = api.post("/api/queue", ITEM)
    assert response.status_code == 403
    return response


def test_every_response_has_the_security_headers(api: Api) -> None:
    for name, response in responses(api).items():
        assert response["X-Content-Type-Options"] == "nosniff", name
        assert response["X-Frame-Options"] == "DENY", name
        assert response["Referrer-Policy"] == "same-origin", name
        assert "default-src 'none'" in response["Content-Security-Policy"], name
        response.close()


def test_the_api_has_no_session(api: Api, sign_in: SignIn) -> None:
    client = sign_in()
    client.defaults["HTTP_X_API_KEY"] = api.key
    response = client.post("/api/queue", ITEM, content_type="application/json")
    assert response.status_code == 201
    assert not hasattr(response.wsgi_request, "session")
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


def test_cookies_are_not_parsed_outside_of_the_admin(api: Api) -> None:
    response = api.post("/api/queue", ITEM, Cookie="csrftoken=x; sessionid=y")
    assert response.wsgi_request.COOKIES == {}


def test_only_unquoted_cookies_of_the_admin_are_parsed(client: Client) -> None:
    sent = 'csrftoken=x; other=1; django_language=da; sessionid="y"; messages=a\\b; messages2=c'
    response = client.get("/admin/login/", headers={"Cookie": sent})
    assert response.status_code == 200
    assert response.wsgi_request.COOKIES == {"csrftoken": "x", "django_language": "da"}


def test_the_content_security_policy_allows_no_inline_and_no_foreign_code(
    client: Client,
) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_the_admins_cookies_are_http_only_and_same_site(
    client: Client,
) -> None:
    User.objects.create_superuser("anna", password="correct horse")
    client.post("/admin/login/", {"username": "anna", "password": "correct horse"})
    for name in ("sessionid", "csrftoken"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
    assert 0 < client.cookies["sessionid"]["max-age"] <= 12 * 60 * 60


@pytest.mark.parametrize("password", ["eleven-char", "password1234", "123456789012"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_a_password_of_12_characters_is_accepted() -> None:
    validate_password("twelve-chars")


def test_debug_pages_have_no_content_security_policy(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    assert "Content-Security-Policy" not in client.get("/nothing")
