"""The end of a session, and its renewal."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin.session import LATEST_END
from queueapi.tests.helpers import SignIn

pytestmark = pytest.mark.django_db

URL = "/admin/session/"
HOUR = 60 * 60  # seconds


class Clock:
    """The time of Django, which only a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8)

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


def seconds(client: Client) -> int:
    return int(client.get(URL).json()["seconds"])


def test_it_works(sign_in: SignIn, clock: Clock) -> None:
    client = sign_in()
    clock.forward(hours=1)
    response = client.get(URL)
    session = response.json()
    assert session.pop("token")
    assert session == {
        "seconds": 11 * HOUR,
        "can_renew": True,
        "user": User.objects.get().pk,
        "username": "anna",
    }
    assert "no-store" in response["Cache-Control"]


def test_asking_writes_nothing(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in()
    with django_assert_num_queries(2):  # SELECT the session, SELECT the user
        client.get(URL)


def test_a_renewal_lasts_12_hours(sign_in: SignIn, clock: Clock) -> None:
    client = sign_in()
    clock.forward(hours=11, minutes=59)
    assert client.post(URL).json()["seconds"] == 12 * HOUR
    assert client.cookies["sessionid"]["max-age"] == 12 * HOUR
    clock.forward(hours=11)
    assert client.get("/admin/").status_code == 200


def test_no_renewal_goes_beyond_24_hours(sign_in: SignIn, clock: Clock) -> None:
    client = sign_in()
    clock.forward(hours=11)
    client.post(URL)
    clock.forward(hours=11)
    session = client.post(URL).json()
    assert (session["seconds"], session["can_renew"]) == (2 * HOUR, False)
    clock.forward(hours=2)
    assert client.post(URL).json() == {"seconds": 0}
    assert client.get("/admin/").status_code == 302


def test_another_sign_in_begins_another_24_hours(clock: Clock, client: Client) -> None:
    User.objects.create_superuser("anna", password="correct horse")
    login = {"username": "anna", "password": "correct horse"}
    client.post("/admin/login/", login)
    clock.forward(hours=11)
    client.post("/admin/login/", login)
    clock.forward(hours=11)
    client.post(URL)
    assert seconds(client) == 12 * HOUR


@pytest.mark.parametrize("url", ["/admin/", "/admin/queues/queueitem/", URL])
def test_opening_a_page_renews_nothing(sign_in: SignIn, clock: Clock, url: str) -> None:
    client = sign_in()
    clock.forward(hours=2)
    client.get(url)
    assert seconds(client) == 10 * HOUR


def test_another_write_to_the_session_renews_nothing(sign_in: SignIn, clock: Clock) -> None:
    client = sign_in()
    clock.forward(hours=2)
    session = client.session
    session["x"] = "y"
    session.save()
    assert Session.objects.get().expire_date == clock.now + timedelta(hours=10)


def test_a_session_from_before_the_upgrade_works_and_is_not_renewed(
    sign_in: SignIn, clock: Clock
) -> None:
    client = sign_in()
    session = client.session
    del session[LATEST_END], session["_session_expiry"]
    session.save()
    clock.forward(hours=11)
    session_before = Session.objects.values().get()
    assert client.post(URL).json()["can_renew"] is False
    assert Session.objects.values().get() == session_before


def test_a_signed_out_user_learns_nothing(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response.json()) == (200, {"seconds": 0})
    assert not response.cookies


@pytest.mark.parametrize("lost", ["is_staff", "is_active"])
def test_a_user_who_may_not_enter_is_not_renewed(sign_in: SignIn, lost: str) -> None:
    client = sign_in()
    User.objects.update(**{lost: False})
    before = Session.objects.values().get()
    assert client.post(URL).json() == {"seconds": 0}
    assert Session.objects.values().get() == before


def test_a_renewal_without_csrf_token_gets_403_as_json(sign_in: SignIn) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = sign_in().cookies
    response = client.post(URL)
    assert (response.status_code, response.json()["success"]) == (403, False)


def test_the_token_that_it_returns_is_accepted(sign_in: SignIn) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = sign_in().cookies
    token = client.get(URL).json()["token"]
    assert client.post(URL, headers={"X-CSRFToken": token}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_get_405(sign_in: SignIn, method: str) -> None:
    assert sign_in().generic(method, URL).status_code == 405


def test_a_renewal_after_a_logout_in_another_tab_does_not_restore_the_session(
    sign_in: SignIn,
) -> None:
    client = sign_in()
    key = client.cookies["sessionid"].value
    client.post("/admin/logout/")
    client.cookies["sessionid"] = key
    assert client.post(URL).json() == {"seconds": 0}
    assert not Session.objects.exists()


def test_the_login_page_has_no_dialogs(client: Client) -> None:
    assert "session.js" not in client.get("/admin/login/").content.decode()
