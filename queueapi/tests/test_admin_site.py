"""URLs of apps, to which breadcrumbs and the menu lead."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from queueapi.roles import VIEWERS
from queueapi.tests.helpers import SignIn

pytestmark = pytest.mark.django_db

LISTS = {
    "queues": "queueitem",
    "triggers": "trigger",
    "security": "client",
    "auth": "user",
    "admin": "logentry",
}


@pytest.mark.parametrize("language", ["en", "da"])
@pytest.mark.parametrize("app", LISTS)
def test_an_app_leads_to_its_list(sign_in: SignIn, app: str, language: str) -> None:
    response = sign_in().get(f"/admin/{app}/", headers={"Accept-Language": language})
    assert (response.status_code, response["Location"]) == (302, f"/admin/{app}/{LISTS[app]}/")


def test_an_app_leads_to_the_list_that_the_user_may_view(sign_in: SignIn) -> None:
    client = sign_in(VIEWERS)
    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_bannedip"))
    assert client.get("/admin/security/")["Location"] == "/admin/security/bannedip/"


@pytest.mark.parametrize("permission", [None, "add_bannedip"])
def test_an_app_without_a_list_for_the_user_gets_403(
    sign_in: SignIn, permission: str | None
) -> None:
    client = sign_in(VIEWERS)
    User.objects.get().user_permissions.set(Permission.objects.filter(codename=permission))
    assert client.get("/admin/security/").status_code == 403


@pytest.mark.parametrize("app", ["queue", "sessions", "contenttypes", "queues%00"])
def test_an_unknown_app_gets_404(sign_in: SignIn, app: str) -> None:
    assert sign_in().get(f"/admin/{app}/").status_code == 404


def test_a_signed_out_user_signs_in_first(client: Client) -> None:
    assert client.get("/admin/queues/")["Location"] == "/admin/login/?next=/admin/queues/"
