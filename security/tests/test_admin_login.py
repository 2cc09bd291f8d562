"""Failed attempts and bans on the admin's login form."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.test import Client

from queueapi.tests.helpers import Api
from security.admin.login import acquire_check, check_lock, wait_lock
from security.models import BannedIP, FailedAttempt
from security.tests.helpers import login, right, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_superuser("anna", password="correct horse")


def test_five_failed_logins_ban_the_ip_from_the_form(client: Client, anna: User) -> None:
    assert [login(client) for _ in range(5)] == [200] * 5
    assert login(client, password="correct horse") == 403
    page = client.get("/admin/login/")
    assert page.status_code == 403
    assert "This client IP is banned" in page.content.decode()


def test_a_failed_login_is_recorded(client: Client, anna: User) -> None:
    login(client)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.path) == ("admin login", "/admin/login/")


def test_a_right_password_of_a_non_staff_user_is_a_failed_attempt(client: Client) -> None:
    User.objects.create_user("bo", password="correct horse")
    assert login(client, "bo", "correct horse") == 200
    assert FailedAttempt.objects.count() == 1


def test_a_csrf_failure_is_no_failed_attempt(anna: User) -> None:
    assert login(Client(enforce_csrf_checks=True)) == 403
    assert not FailedAttempt.objects.exists()


@pytest.mark.parametrize(("username", "password"), [("anna", ""), ("", "correct horse"), ("", "")])
def test_a_post_without_name_or_password_is_no_failed_attempt(
    client: Client, anna: User, username: str, password: str
) -> None:
    assert login(client, username, password) == 200
    assert not FailedAttempt.objects.exists()


def test_the_user_with_the_typed_name_is_recorded(client: Client, anna: User) -> None:
    login(client, "anna")
    assert FailedAttempt.objects.get().username == "anna"


def test_a_typed_name_of_no_user_is_not_recorded(client: Client, anna: User) -> None:
    login(client, "correct horse")
    assert FailedAttempt.objects.get().username == "unknown name"


def test_a_third_login_at_a_time_gets_429(client: Client, anna: User) -> None:
    with check_lock, wait_lock:
        response = client.post("/admin/login/", {"username": "anna", "password": "correct horse"})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert "Too many people are signing in." in response.content.decode()
    assert not FailedAttempt.objects.exists()
    assert login(client, password="correct horse") == 302


def test_a_login_that_waits_continues_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("security.admin.login.WAIT_SECONDS", 30)
    with ThreadPoolExecutor(1) as pool, check_lock:
        second = pool.submit(acquire_check)
        while not wait_lock.locked():
            pass
        check_lock.release()
        assert second.result()  # and acquires `check_lock`


def test_a_login_that_waits_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("security.admin.login.WAIT_SECONDS", 0.01)
    with check_lock:
        assert not acquire_check()


def test_a_successful_login_is_no_failed_attempt(client: Client, anna: User) -> None:
    assert login(client, password="correct horse") == 302
    assert not FailedAttempt.objects.exists()


def test_opening_the_form_is_no_failed_attempt(client: Client) -> None:
    client.get("/admin/login/")
    assert not FailedAttempt.objects.exists()


def test_logins_and_api_failures_count_together(api: Api, anna: User) -> None:
    wrong(api, 3)
    assert [login(api.client) for _ in range(3)] == [200, 200, 403]


def test_staff_with_a_session_can_lift_a_ban_of_their_own_ip(
    api: Api, admin_client: Client
) -> None:
    wrong(api, 5)
    ban = BannedIP.objects.get()
    assert admin_client.get("/admin/").status_code == 200
    response = admin_client.post(
        "/admin/security/bannedip/", {"action": "lift", "_selected_action": [ban.pk]}, follow=True
    )
    assert "1 ban lifted." in response.content.decode()
    ban.refresh_from_db()
    assert ban.lifted_by == "admin"
    assert right(api) == 201


def test_next_of_another_site_is_replaced_by_the_dashboard(client: Client, anna: User) -> None:
    sent = {"username": "anna", "password": "correct horse", "next": "//evil.example.org/"}
    assert client.post("/admin/login/", sent)["Location"] == "/admin/"
