"""API keys in the admin."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.admin import audit
from queueapi.tests.helpers import Api, ClientResponse, SignIn, form_in
from security.models import ApiKey
from security.models.api_keys import api_key_cache
from security.tests.helpers import right

pytestmark = pytest.mark.django_db

LIST = reverse("admin:security_apikey_changelist")
ADD = reverse("admin:security_apikey_add")
DAY = timedelta(days=1)


@pytest.fixture
def key(db: None) -> ApiKey:
    return ApiKey.objects.issue("ERP", 30 * DAY)[0]


def page_url(page: str, key: ApiKey) -> str:
    return reverse(f"admin:security_apikey_{page}", args=[key.pk])


def issue(browser: Client, **fields: str) -> ClientResponse:
    return browser.post(ADD, {**form_in(browser.get(ADD), "client"), **fields})


def rotate(client: Client, key: ApiKey, **fields: str) -> ClientResponse:
    form = form_in(client.get(page_url("rotate", key)), "overlap")
    return client.post(page_url("rotate", key), {**form, **fields})


def plaintext_in(response: ClientResponse) -> str:
    found = re.search(r'id="plaintext">([^<]*)<', response.content.decode())
    assert found
    return found[1]


def is_accepted(client: Client, plaintext: str) -> bool:
    return right(Api(client, plaintext)) == 201


def test_issue_works(sign_in: SignIn, client: Client) -> None:
    response = issue(sign_in("Security admins"), client="ERP", expires="30d")
    assert is_accepted(client, plaintext_in(response))
    key = ApiKey.objects.get()
    assert (key.client.name, key.lifetime) == ("ERP", 30 * DAY)


def test_the_plaintext_is_shown_once_and_not_stored(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in()
    response = issue(client, client="ERP")
    plaintext = plaintext_in(response)
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    for url in (LIST, page_url("change", key), page_url("history", key), "/admin/", ADD):
        assert plaintext not in client.get(url).content.decode()
    secret = plaintext.split(".")[1]
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())
    assert not any(secret in str(vars(entry)) for entry in LogEntry.objects.all())
    assert secret not in caplog.text


def test_no_page_shows_the_hash(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    for url in (LIST, page_url("change", key), page_url("history", key)):
        assert key.hashed_secret not in client.get(url).content.decode()


def test_a_key_may_never_expire(sign_in: SignIn) -> None:
    issue(sign_in(), client="ERP", expires="never")
    assert ApiKey.objects.get().expires is None


def test_the_default_lifetime_is_a_year(sign_in: SignIn) -> None:
    issue(sign_in(), client="ERP")
    assert ApiKey.objects.get().lifetime == 365 * DAY


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client", ""),
        ("client", " ERP"),
        ("client", "a\nb"),
        ("client", "x" * 101),
        ("expires", ""),
        ("expires", "365"),
        ("expires", "soon"),
        ("expires", "200000d"),
    ],
)
def test_an_invalid_field_is_an_error(sign_in: SignIn, field: str, value: str) -> None:
    response = issue(sign_in(), **{"client": "ERP", field: value})
    assert field in response.context["form"].errors
    assert not ApiKey.objects.exists()


def test_a_lifetime_of_0_is_an_error(sign_in: SignIn) -> None:
    response = issue(sign_in(), client="ERP", expires="0")
    assert "A key must end later than it begins." in response.content.decode()


def test_rotate_works(sign_in: SignIn, client: Client, key: ApiKey) -> None:
    response = rotate(sign_in("Security admins"), key, overlap="2h")
    assert is_accepted(client, plaintext_in(response))
    key.refresh_from_db()
    assert key.expires
    assert timedelta(hours=1.9) < key.expires - timezone.now() <= timedelta(hours=2)
    assert ApiKey.objects.exclude(pk=key.pk).get().client.name == "ERP"


def test_rotate_shows_the_keys_that_will_end(sign_in: SignIn, key: ApiKey) -> None:
    assert key.prefix in sign_in().get(page_url("rotate", key)).content.decode()


def test_rotate_without_an_active_key_is_an_error(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    form = form_in(client.get(page_url("rotate", key)), "overlap")
    key.revoke()
    response = client.post(page_url("rotate", key), form)
    assert "no active key" in response.content.decode()
    assert ApiKey.objects.count() == 1


def test_revoke_works(sign_in: SignIn, client: Client) -> None:
    key, plaintext = ApiKey.objects.issue("ERP", None)
    assert is_accepted(client, plaintext)
    response = sign_in("Security admins").post(page_url("revoke", key), follow=True)
    assert f"The key {key} is revoked." in response.content.decode()
    assert not is_accepted(client, plaintext)


def test_the_confirmation_page_revokes_nothing(sign_in: SignIn, key: ApiKey) -> None:
    sign_in().get(page_url("revoke", key))
    key.refresh_from_db()
    assert key.revoked is None


def test_a_revoked_key_stays_revoked(sign_in: SignIn, key: ApiKey) -> None:
    key.revoke()
    before = ApiKey.objects.get().revoked
    response = sign_in().post(page_url("revoke", key), follow=True)
    assert "was revoked already" in response.content.decode()
    assert ApiKey.objects.get().revoked == before


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_an_unknown_key_is_not_found(sign_in: SignIn, action: str) -> None:
    assert sign_in().get(f"/admin/security/apikey/999/{action}/").status_code == 404


def test_an_ended_key_has_no_links(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    assert "/revoke/" in client.get(page_url("change", key)).content.decode()
    key.revoke()
    assert "/revoke/" not in client.get(page_url("change", key)).content.decode()


def test_a_key_can_not_be_edited(sign_in: SignIn, key: ApiKey) -> None:
    assert sign_in().post(page_url("change", key), {"client": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("state", "clients"),
    [("active", ["late", "soon"]), ("expiring", ["soon"]), ("ended", ["revoked"]), ("x", None)],
)
def test_filter_by_state(sign_in: SignIn, state: str, clients: list[str] | None) -> None:
    ApiKey.objects.issue("soon", 13 * DAY)
    ApiKey.objects.issue("late", 15 * DAY)
    ApiKey.objects.issue("revoked", DAY)[0].revoke()
    shown = sign_in().get(f"{LIST}?state={state}").context["cl"].result_list
    assert [key.client.name for key in shown] == (clients or ["late", "revoked", "soon"])


@pytest.mark.parametrize("text", ["erp", "prefix"])
def test_search(sign_in: SignIn, key: ApiKey, text: str) -> None:
    ApiKey.objects.issue("other", DAY)
    query = key.prefix if text == "prefix" else text
    assert list(sign_in().get(LIST, {"q": query}).context["cl"].result_list) == [key]


def test_the_list_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        ApiKey.objects.issue(f"client {number % 10}", None)
    client = sign_in()
    # Session, user, keys with their clients.
    with django_assert_num_queries(3):
        assert len(client.get(LIST).context["cl"].result_list) == 20


def test_a_rotation_takes_as_many_queries_with_many_keys(sign_in: SignIn) -> None:
    client = sign_in()
    counts = []
    for number in (1, 20):
        [first, *_] = [ApiKey.objects.issue(f"client {number}", DAY)[0] for _ in range(number)]
        rotate(client, first)  # Django caches content types
        with CaptureQueriesContext(connection) as queries:
            rotate(client, first)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# The log.


def entries() -> list[tuple[int, str]]:
    return [
        (entry.action_flag, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")
    ]


def test_an_issue_is_logged(sign_in: SignIn, key: ApiKey) -> None:
    issue(sign_in(), client="ERP", expires="never")
    assert entries() == [(ADDITION, "Issued, it expires: never.")]


def test_a_new_client_is_logged_too(sign_in: SignIn) -> None:
    issue(sign_in(), client="ERP", expires="never")
    assert entries() == [
        (ADDITION, "Added with its first key."),
        (ADDITION, "Issued, it expires: never."),
    ]


def test_a_rotation_is_logged_on_the_old_and_the_new_key(sign_in: SignIn, key: ApiKey) -> None:
    rotate(sign_in(), key, overlap="0")
    (changed, expiry), (added, issued) = entries()
    assert (changed, added) == (CHANGE, ADDITION)
    assert re.fullmatch(r"expires: 20\S+ \S+ → 20\S+ \S+", expiry)
    assert issued.startswith("Issued by rotation, it expires: 20")


def test_a_revocation_is_logged(sign_in: SignIn, key: ApiKey) -> None:
    sign_in().post(page_url("revoke", key))
    ((flag, message),) = entries()
    assert flag == CHANGE
    assert message.startswith("revoked: (empty) → 20")


@pytest.mark.django_db(transaction=True)
def test_a_key_cached_during_the_revocation_is_refused_after_it(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, plaintext = ApiKey.objects.issue("ERP", None)
    record = audit.record

    def cache_before_commit(*args: Any) -> None:
        api_key_cache._snapshot.values[key.hashed_secret] = key
        record(*args)

    monkeypatch.setattr(audit, "record", cache_before_commit)
    sign_in().post(page_url("revoke", key))
    revoked = ApiKey.with_secret(plaintext)
    assert revoked
    assert not revoked.is_active


def test_a_reload_of_the_response_issues_no_second_key(sign_in: SignIn) -> None:
    client = sign_in()
    form = {**form_in(client.get(ADD), "client"), "client": "ERP"}
    client.post(ADD, form)
    second = client.post(ADD, form)
    assert "This was done already" in second.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_form_with_errors_can_be_corrected(sign_in: SignIn) -> None:
    client = sign_in()
    with_errors = issue(client, client="ERP", expires="0")
    response = client.post(ADD, {**form_in(with_errors, "client"), "expires": "30d"})
    assert plaintext_in(response)


def test_a_key_is_not_found_by_its_hash(sign_in: SignIn, key: ApiKey) -> None:
    assert sign_in().get(f"{LIST}?hashed_secret__startswith=a").status_code == 400


def test_a_rotation_does_not_log_last_used(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    form = form_in(client.get(page_url("rotate", key)), "overlap")
    ApiKey.objects.update(last_used=timezone.now())
    client.post(page_url("rotate", key), form)
    assert "last used" not in entries()[0][1]
