"""API keys in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from queueapi.admin import audit
from queueapi.tests.helpers import Api, SignIn, form_in
from security.models import ApiKey
from security.models.api_keys import api_key_cache

pytestmark = pytest.mark.django_db

LIST = reverse("admin:security_apikey_changelist")
ADD = reverse("admin:security_apikey_add")
DAY = timedelta(days=1)


@pytest.fixture
def key(db: None) -> ApiKey:
    return ApiKey.objects.issue("ERP", 30 * DAY)[0]


def address(verb: str, key: ApiKey) -> str:
    return reverse(f"admin:security_apikey_{verb}", args=[key.pk])


def issue(browser, **fields: str):
    return browser.post(ADD, {**form_in(browser.get(ADD), "client"), **fields})


def rotate(client: Client, key: ApiKey, **fields: str):
    form = form_in(client.get(address("rotate", key)), "overlap")
    return client.post(address("rotate", key), {**form, **fields})


def plaintext_in(response) -> str:
    return re.search(r'id="plaintext">([^<]*)<', response.content.decode())[1]


def opens(client: Client, plaintext: str) -> bool:
    return Api(client, plaintext).post("/api/queue", {"queue_name": "q"}).status_code == 201


def test_issue_works(sign_in: SignIn, client: Client) -> None:
    answer = issue(sign_in("Security admins"), client="ERP", expires="30d")
    assert opens(client, plaintext_in(answer))
    key = ApiKey.objects.get()
    assert (key.client, key.lifetime) == ("ERP", 30 * DAY)


def test_the_plaintext_is_shown_once_and_kept_nowhere(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in()
    answer = issue(client, client="ERP")
    plaintext = plaintext_in(answer)
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    for url in (LIST, address("change", key), address("history", key), "/admin/", ADD):
        assert plaintext not in client.get(url).content.decode()
    secret = plaintext.split(".")[1]
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())
    assert not any(secret in str(vars(entry)) for entry in LogEntry.objects.all())
    assert secret not in caplog.text


def test_the_hash_is_shown_nowhere(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    for url in (LIST, address("change", key), address("history", key)):
        assert key.hashed_secret not in client.get(url).content.decode()


def test_a_key_may_never_expire(sign_in: SignIn) -> None:
    issue(sign_in(), client="ERP", expires="never")
    assert ApiKey.objects.get().expires is None


def test_a_year_unless_told_otherwise(sign_in: SignIn) -> None:
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
def test_what_makes_no_sense_is_refused(sign_in: SignIn, field: str, value: str) -> None:
    answer = issue(sign_in(), **{"client": "ERP", field: value})
    assert field in answer.context["form"].errors
    assert not ApiKey.objects.exists()


def test_a_key_without_a_lifetime_is_refused(sign_in: SignIn) -> None:
    answer = issue(sign_in(), client="ERP", expires="0")
    assert "A key must end later than it begins." in answer.content.decode()


def test_rotate_works(sign_in: SignIn, client: Client, key: ApiKey) -> None:
    answer = rotate(sign_in("Security admins"), key, overlap="2h")
    assert opens(client, plaintext_in(answer))
    key.refresh_from_db()
    assert timedelta(hours=1.9) < key.expires - timezone.now() <= timedelta(hours=2)
    assert ApiKey.objects.exclude(pk=key.pk).get().client == "ERP"


def test_rotate_names_the_keys_that_end(sign_in: SignIn, key: ApiKey) -> None:
    assert key.prefix in sign_in().get(address("rotate", key)).content.decode()


def test_rotate_without_an_active_key_is_refused(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    form = form_in(client.get(address("rotate", key)), "overlap")
    key.revoke()
    answer = client.post(address("rotate", key), form)
    assert "no active key" in answer.content.decode()
    assert ApiKey.objects.count() == 1


def test_revoke_works(sign_in: SignIn, client: Client) -> None:
    key, plaintext = ApiKey.objects.issue("ERP", None)
    assert opens(client, plaintext)
    answer = sign_in("Security admins").post(address("revoke", key), follow=True)
    assert f"The key {key} is revoked." in answer.content.decode()
    assert not opens(client, plaintext)


def test_to_look_at_the_question_revokes_nothing(sign_in: SignIn, key: ApiKey) -> None:
    sign_in().get(address("revoke", key))
    key.refresh_from_db()
    assert key.revoked is None


def test_a_revoked_key_stays_revoked(sign_in: SignIn, key: ApiKey) -> None:
    key.revoke()
    before = ApiKey.objects.get().revoked
    answer = sign_in().post(address("revoke", key), follow=True)
    assert "was revoked already" in answer.content.decode()
    assert ApiKey.objects.get().revoked == before


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_an_unknown_key_is_not_found(sign_in: SignIn, verb: str) -> None:
    assert sign_in().get(f"/admin/security/apikey/999/{verb}/").status_code == 404


def test_a_key_that_has_ended_has_no_buttons(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    assert "/revoke/" in client.get(address("change", key)).content.decode()
    key.revoke()
    assert "/revoke/" not in client.get(address("change", key)).content.decode()


def test_a_key_is_not_edited(sign_in: SignIn, key: ApiKey) -> None:
    assert sign_in().post(address("change", key), {"client": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("state", "clients"),
    [("active", ["late", "soon"]), ("expiring", ["soon"]), ("ended", ["revoked"]), ("x", None)],
)
def test_filter_by_state(sign_in: SignIn, state: str, clients: list[str] | None) -> None:
    ApiKey.objects.issue("soon", 13 * DAY)
    ApiKey.objects.issue("late", 15 * DAY)
    ApiKey.objects.issue("revoked", DAY)[0].revoke()
    shown = sign_in().get(f"{LIST}?state={state}").context["cl"].result_list
    assert [key.client for key in shown] == (clients or ["late", "revoked", "soon"])


# The log.


def entries() -> list[tuple[int, str]]:
    return list(LogEntry.objects.order_by("pk").values_list("action_flag", "change_message"))


def test_an_issue_is_logged(sign_in: SignIn) -> None:
    issue(sign_in(), client="ERP", expires="never")
    assert entries() == [(ADDITION, "Issued, it expires: never.")]


def test_a_rotation_is_logged_for_old_and_new(sign_in: SignIn, key: ApiKey) -> None:
    rotate(sign_in(), key, overlap="0")
    (changed, expiry), (added, issued) = entries()
    assert (changed, added) == (CHANGE, ADDITION)
    assert re.fullmatch(r"expires: 20\S+ \S+ → 20\S+ \S+", expiry)
    assert issued.startswith("Issued by rotation, it expires: 20")


def test_a_revocation_is_logged(sign_in: SignIn, key: ApiKey) -> None:
    sign_in().post(address("revoke", key))
    ((flag, message),) = entries()
    assert flag == CHANGE
    assert message.startswith("revoked: (empty) → 20")


@pytest.mark.django_db(transaction=True)
def test_a_revocation_holds_at_once_although_it_is_in_a_transaction(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, plaintext = ApiKey.objects.issue("ERP", None)
    record = audit.record

    def another_thread_asks_before_the_commit(*args):
        api_key_cache._entries[key.hashed_secret] = (float("inf"), key)
        record(*args)

    monkeypatch.setattr(audit, "record", another_thread_asks_before_the_commit)
    sign_in().post(address("revoke", key))
    assert ApiKey.objects.with_secret(plaintext).revoked is not None


def test_to_reload_the_answer_issues_no_second_key(sign_in: SignIn) -> None:
    client = sign_in()
    form = {**form_in(client.get(ADD), "client"), "client": "ERP"}
    client.post(ADD, form)
    again = client.post(ADD, form)
    assert "This was done already" in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_form_that_was_refused_can_be_put_right(sign_in: SignIn) -> None:
    client = sign_in()
    refused = issue(client, client="ERP", expires="0")
    answer = client.post(ADD, {**form_in(refused, "client"), "expires": "30d"})
    assert plaintext_in(answer)


def test_a_key_is_not_found_by_its_hash(sign_in: SignIn, key: ApiKey) -> None:
    assert sign_in().get(f"{LIST}?hashed_secret__startswith=a").status_code == 400


def test_a_rotation_logs_what_a_person_changed_only(sign_in: SignIn, key: ApiKey) -> None:
    client = sign_in()
    form = form_in(client.get(address("rotate", key)), "overlap")
    ApiKey.objects.update(last_used=timezone.now())
    client.post(address("rotate", key), form)
    assert "last used" not in entries()[0][1]
