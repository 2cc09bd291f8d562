"""Error pages of the admin."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext
from pytest_django import Settings

from queueapi.tests.helpers import ClientResponse, SignIn
from queues.tests.helpers import LIST

pytestmark = pytest.mark.django_db

HEADERS = {"Accept-Language": "da", "X-Request-ID": "find-me"}
LOGIN = "/admin/login/"


def unknown_url(client: Client) -> ClientResponse:
    return client.get("/admin/nothing/", headers=HEADERS)


def not_permitted(client: Client) -> ClientResponse:
    User.objects.update(is_superuser=False)
    return client.get("/admin/auth/user/", headers=HEADERS)


def wrong_host(client: Client) -> ClientResponse:
    return client.get("/admin/", headers={**HEADERS, "Host": "evil.example.org"})


def too_many_fields(client: Client) -> ClientResponse:
    return client.post(LIST, {f"x{number}": "" for number in range(1001)}, headers=HEADERS)


def too_long_field(client: Client) -> ClientResponse:
    body = "x=" + "y" * 2**20
    form = "application/x-www-form-urlencoded"
    return client.post(LIST, body, content_type=form, headers=HEADERS)


def malformed_form(client: Client) -> ClientResponse:
    return client.post(LIST, "x", content_type="multipart/form-data", headers=HEADERS)


def no_token(client: Client) -> ClientResponse:
    other = Client(enforce_csrf_checks=True)
    other.cookies = client.cookies
    return other.post(LIST, headers=HEADERS)


def database_away(client: Client) -> ClientResponse:
    def fail(*args: object) -> None:
        raise OperationalError("08S01 Communication link failure")

    client.raise_request_exception = False
    with connection.execute_wrapper(fail):
        return client.get("/admin/", headers=HEADERS)


TOO_LARGE = (
    "The form is larger than this server accepts, so nothing was done. Go back, and select or "
    "enter less."
)


@pytest.mark.parametrize(
    ("make", "status", "text"),
    [
        (unknown_url, 404, "There is no page at this URL. What it was about may be deleted."),
        (
            *(not_permitted, 403),
            "Your account may not do this. An administrator can give it another role.",
        ),
        (no_token, 403, "Reload the page, and send the form again."),
        (
            *(wrong_host, 400),
            "The host name in the URL is not a name of this server. Use the name that the "
            "operators gave you.",
        ),
        (too_many_fields, 400, TOO_LARGE),
        (too_long_field, 400, TOO_LARGE),
        (
            *(malformed_form, 400),
            "The server could not read what the browser sent, so nothing was done. Go back, "
            "reload the page, and try again.",
        ),
        (
            *(database_away, 500),
            "The server could not complete the request, and logged the error. Try again in a "
            "moment. If you sent a form, see first whether it was done.",
        ),
    ],
)
def test_each_error_has_a_page_in_the_readers_language_with_the_request_id(
    sign_in: SignIn, make: Callable[[Client], ClientResponse], status: int, text: str
) -> None:
    response = make(sign_in())
    page = response.content.decode()
    assert response.status_code == status
    assert '<html lang="da"' in page
    assert "find-me" in page
    with translation.override("da"):
        assert gettext(text) in page


def test_a_wrong_host_is_refused_in_danish_before_the_language_is_known(
    sign_in: SignIn, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True  # then Django's first middleware reads the host
    client = sign_in()
    assert '<html lang="da"' in wrong_host(client).content.decode()


def test_a_page_after_an_error_in_danish_is_english(sign_in: SignIn) -> None:
    client = sign_in()
    database_away(client)
    assert '<html lang="en"' in client.get("/admin/nothing/").content.decode()


def test_an_error_page_names_no_detail_of_the_error(sign_in: SignIn) -> None:
    assert "08S01" not in database_away(sign_in()).content.decode()


def test_a_logout_by_url_leads_to_the_dashboard(sign_in: SignIn) -> None:
    client = sign_in()
    response = client.get("/admin/logout/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
