"""The summary of errors at the top of each form, and the titles of these pages."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from queueapi.tests.helpers import ClientResponse, SignIn, form_in
from queues.models import QueueItem
from queues.tests.helpers import change_url, item, robot_sets
from security.models import ApiKey
from security.models import Client as ApiClient
from triggers.tests.helpers import change_url as trigger_change_url
from triggers.tests.helpers import scheduled

pytestmark = pytest.mark.django_db


def summary(page: ClientResponse) -> list[tuple[str, str]]:
    """Return the errors, each with the id of the field that it links to."""
    content = page.content.decode()
    [box] = re.findall(r'<div class="error-summary" (.*?)</div>', content, re.DOTALL)
    for attribute in ('role="alert"', "autofocus", 'tabindex="-1"', "There is a problem"):
        assert attribute in box
    title = re.findall(r"<title>(.*?)</title>", content)
    assert title[0].startswith("Error: ")
    links = re.findall(r'<li>(?:<a href="#(.*?)">)?(.*?)(?:</a>)?</li>', box)
    for pk, _ in links:
        assert not pk or len(re.findall(f'id="{pk}"', content)) == 1
    return links


def test_errors_of_a_new_item(sign_in: SignIn) -> None:
    url = reverse("admin:queues_queueitem_add")
    client = sign_in()
    form = form_in(client.get(url), "queue_name")
    page = client.post(url, {**form, "queue_name": "", "reference": "x" * 101})
    assert summary(page) == [
        ("id_queue_name", "Queue: This field is required."),
        ("id_reference", "Reference: Ensure this field has no more than 100 characters."),
    ]


def test_conflict_on_an_item(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    form = form_in(client.get(change_url(row)), "initial-status")
    robot_sets(row, status=QueueItem.Status.IN_PROGRESS)
    [(pk, text)] = summary(client.post(change_url(row), {**form, "status": "DONE"}))
    assert pk == "id_status"
    assert text.startswith("Status: Nothing was saved: somebody else, or a robot, changed this")


def test_errors_of_a_trigger(sign_in: SignIn) -> None:
    client, trigger = sign_in(), scheduled()
    form = form_in(client.get(trigger_change_url(trigger)), "initial-trigger_name")
    sent = {**form, "next_run": "x", "process_status": "GONE"}
    page = client.post(trigger_change_url(trigger), sent)
    assert [pk for pk, _ in summary(page)] == ["id_process_status", "id_next_run"]


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/admin/auth/user/add/", ["id_username", "id_role", "id_password1", "id_password2"]),
        ("/admin/auth/group/add/", ["id_name"]),
        ("/admin/password_change/", ["id_old_password", "id_new_password1", "id_new_password2"]),
        ("/admin/security/client/add/", ["id_name"]),
        ("/admin/security/bannedip/add/", ["id_ip", "id_duration", "id_reason"]),
        ("/admin/security/apikey/add/", ["id_client", "id_expires"]),
    ],
)
def test_empty_form(sign_in: SignIn, url: str, fields: list[str]) -> None:
    page = sign_in().post(url, {"x": "y"})
    assert [pk for pk, _ in summary(page)] == fields
    assert not ApiClient.objects.exists()


def test_password_of_a_user(sign_in: SignIn) -> None:
    client = sign_in()
    url = reverse("admin:auth_user_password_change", args=[User.objects.get().pk])
    page = client.post(url, {"password1": "correct horse battery", "password2": "other"})
    [(pk, text)] = summary(page)
    assert pk == "id_password2"
    assert "match" in text


def test_error_of_no_field_has_no_link(sign_in: SignIn) -> None:
    client = sign_in()
    url = reverse("admin:security_apikey_add")
    form = {**form_in(client.get(url), "once"), "client": "ERP"}
    client.post(url, form)
    assert summary(client.post(url, form)) == [
        ("", "This was done already, and was not done again.")
    ]
    assert ApiKey.objects.count() == 1


def test_wrong_password_at_login(client: Client) -> None:
    page = client.post("/admin/login/", {"username": "anna", "password": "wrong"})
    [(pk, text)] = summary(page)
    assert pk == ""
    assert text.startswith("Please enter the correct username and password")


def test_texts_are_escaped(sign_in: SignIn) -> None:
    client, row = sign_in(), item(message="old")
    form = form_in(client.get(change_url(row)), "initial-status")
    robot_sets(row, message="<script>")
    [(_, text)] = summary(client.post(change_url(row), {**form, "message": "new"}))
    assert "It is now: &lt;script&gt;" in text


@pytest.mark.parametrize("url", ["/admin/queues/queueitem/add/", "/admin/password_change/"])
def test_page_without_errors_has_no_summary(sign_in: SignIn, url: str) -> None:
    page = sign_in().get(url).content.decode()
    assert "error-summary" not in page
    assert "<title>Error" not in page
