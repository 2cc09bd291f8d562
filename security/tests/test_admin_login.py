"""The admin's login form has the same bans."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from queueapi.tests.helpers import Api
from security.admin.login import check_lock, acquire_check, wait_lock
from security.models import BannedIP, FailedAttempt
from security.tests.helpers import login, right, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None):
    return get_user_model().objects.create_superuser("anna", password="correct horse")


def test_five_failed_logins_close_the_form(client: Client, anna) -> None:
    assert [login(client) for _ in range(5)] == [200] * 5
    assert login(client, password="correct horse") == 403
    page = client.get("/admin/login/")
    assert page.status_code == 403
    assert "This address is banned" in page.content.decode()


def test_failed_logins_are_written_down(client: Client, anna) -> None:
    login(client)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.path) == ("admin login", "/admin/login/")


def test_a_right_password_of_a_non_staff_account_is_a_failure(
    client: Client, django_user_model
) -> None:
    django_user_model.objects.create_user("bo", password="correct horse")
    assert login(client, "bo", "correct horse") == 200
    assert FailedAttempt.objects.count() == 1


def test_a_post_that_csrf_refuses_is_no_failure(anna) -> None:
    assert login(Client(enforce_csrf_checks=True)) == 403
    assert not FailedAttempt.objects.exists()


@pytest.mark.parametrize(("username", "password"), [("anna", ""), ("", "correct horse"), ("", "")])
def test_a_post_without_a_name_or_a_password_is_no_failure(
    client: Client, anna, username: str, password: str
) -> None:
    assert login(client, username, password) == 200
    assert not FailedAttempt.objects.exists()


def test_the_user_whose_name_was_typed_is_written_down(client: Client, anna) -> None:
    login(client, "anna")
    assert FailedAttempt.objects.get().username == "anna"


def test_a_password_typed_as_a_name_is_not_written_down(client: Client, anna) -> None:
    login(client, "correct horse")
    assert FailedAttempt.objects.get().username == "unknown name"


def test_while_one_password_is_checked_and_one_waits_others_are_refused(
    client: Client, anna
) -> None:
    with check_lock, wait_lock:
        response = client.post("/admin/login/", {"username": "anna", "password": "correct horse"})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert "Too many people are signing in." in response.content.decode()
    assert not FailedAttempt.objects.exists()
    assert login(client, password="correct horse") == 302


def test_one_that_waits_has_its_turn_when_the_other_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("security.admin.login.WAIT_SECONDS", 30)
    with ThreadPoolExecutor(1) as pool, check_lock:
        waits = pool.submit(acquire_check)
        while not wait_lock.locked():
            pass
        check_lock.release()
        assert waits.result()  # and holds `check_lock` again


def test_one_that_waits_for_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("security.admin.login.WAIT_SECONDS", 0.01)
    with check_lock:
        assert not acquire_check()


def test_signing_in_is_no_failure(client: Client, anna) -> None:
    assert login(client, password="correct horse") == 302
    assert not FailedAttempt.objects.exists()


def test_looking_at_the_form_is_no_failure(client: Client) -> None:
    client.get("/admin/login/")
    assert not FailedAttempt.objects.exists()


def test_logins_and_api_failures_count_together(api: Api, anna) -> None:
    wrong(api, 3)
    assert [login(api.client) for _ in range(3)] == [200, 200, 403]


def test_a_staff_session_goes_on_and_can_lift_the_ban(api: Api, admin_client: Client) -> None:
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


def test_signing_in_with_a_next_of_another_site_leads_to_the_front_page(
    client: Client, anna
) -> None:
    sent = {"username": "anna", "password": "correct horse", "next": "//evil.example.org/"}
    assert client.post("/admin/login/", sent).url == "/admin/"
