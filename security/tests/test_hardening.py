"""Headers, cookies and passwords."""

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from queueapi.tests.helpers import Api, SignIn

pytestmark = pytest.mark.django_db

ITEM = {"queue_name": "q"}


def answers(api: Api) -> dict:
    """One answer of each kind."""
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


def banned(api: Api):
    for _ in range(5):
        api.post("/api/queue", ITEM, X_API_Key="wrong")
    response = api.post("/api/queue", ITEM)
    assert response.status_code == 403
    return response


def test_every_answer_has_the_security_headers(api: Api) -> None:
    for name, answer in answers(api).items():
        assert answer["X-Content-Type-Options"] == "nosniff", name
        assert answer["X-Frame-Options"] == "DENY", name
        assert answer["Referrer-Policy"] == "same-origin", name
        assert "default-src 'none'" in answer["Content-Security-Policy"], name
        answer.close()


def test_the_api_knows_no_session(api: Api, sign_in: SignIn) -> None:
    client = sign_in()
    client.defaults["HTTP_X_API_KEY"] = api.key
    answer = client.post("/api/queue", ITEM, content_type="application/json")
    assert answer.status_code == 201
    assert not hasattr(answer.wsgi_request, "session")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


def test_no_cookie_is_parsed_outside_of_the_admin(api: Api) -> None:
    answer = api.post("/api/queue", ITEM, Cookie="csrftoken=x; sessionid=y")
    assert answer.wsgi_request.COOKIES == {}


def test_only_the_admins_own_cookies_are_parsed_and_no_quoted_ones(client: Client) -> None:
    sent = 'csrftoken=x; other=1; django_language=da; sessionid="y"; messages=a\\b; messages2=c'
    answer = client.get("/admin/login/", headers={"Cookie": sent})
    assert answer.status_code == 200
    assert answer.wsgi_request.COOKIES == {"csrftoken": "x", "django_language": "da"}


def test_the_content_security_policy_allows_nothing_inline_and_nothing_foreign(
    client: Client,
) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_the_admins_cookies_are_out_of_reach_of_scripts_and_other_sites(
    client: Client, django_user_model
) -> None:
    django_user_model.objects.create_superuser("anna", password="correct horse")
    client.post("/admin/login/", {"username": "anna", "password": "correct horse"})
    for name in ("sessionid", "csrftoken"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
    assert client.cookies["sessionid"]["max-age"] == 12 * 60 * 60


@pytest.mark.parametrize("password", ["eleven-char", "password1234", "123456789012"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_a_password_of_12_characters_is_accepted() -> None:
    validate_password("twelve-chars")


def test_no_check_is_silenced_without_a_reason() -> None:
    source = (django_settings.BASE_DIR / "queueapi" / "settings.py").read_text().splitlines()
    start = source.index("SILENCED_SYSTEM_CHECKS = [")
    end = source.index("]", start)
    for number in range(start + 1, end):
        if source[number].strip().startswith('"'):
            assert source[number - 1].strip().startswith("#"), source[number]


def test_a_debug_page_is_shown_with_its_styles_which_the_policy_would_not_allow(
    client: Client, settings: Settings
) -> None:
    settings.DEBUG = True
    assert "Content-Security-Policy" not in client.get("/nothing")
