"""Clients in the admin."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import Api, ClientResponse, SignIn, form_in
from security.models import ApiKey, Client
from security.models.api_keys import api_key_cache
from security.tests.helpers import right

pytestmark = pytest.mark.django_db

LIST = reverse("admin:security_client_changelist")
ADD = reverse("admin:security_client_add")
ISSUE = reverse("admin:security_apikey_add")
DAY = timedelta(days=1)
XSS = "<script>alert(1)</script>\"'&"


@pytest.fixture
def erp(db: None) -> Client:
    return ApiKey.objects.issue("ERP", 30 * DAY)[0].client


def page_url(page: str, client: Client) -> str:
    return reverse(f"admin:security_client_{page}", args=[client.pk])


def page_of(browser: Browser, client: Client) -> str:
    return unescape(browser.get(page_url("change", client)).content.decode())


def save(browser: Browser, url: str, **fields: str | None) -> ClientResponse:
    """Save the form with these fields; `None` clears a check box."""
    form: dict[str, Any] = {**form_in(browser.get(url), "name"), **fields}
    return browser.post(url, {name: value for name, value in form.items() if value is not None})


def change(browser: Browser, client: Client, **fields: str | None) -> ClientResponse:
    return save(browser, page_url("change", client), **fields)


def errors(response: ClientResponse) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def entries() -> list[tuple[int, str]]:
    return [
        (entry.action_flag, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")
    ]


# The list.


def test_it_works(sign_in: SignIn, erp: Client) -> None:
    erp.limit(queues="Invoices\nHR-*", networks="10.20.0.0/16")
    page = sign_in("Security admins").get(LIST).content.decode()
    for name, text in {"queues": "Invoices\nHR-*", "networks": "10.20.0.0/16"}.items():
        assert f'<td class="field-{name}">{text}</td>' in page
    assert '<td class="field-triggers">all</td>' in page


def test_the_list_takes_few_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        ApiKey.objects.issue(f"client {number % 20}", None)
    browser = sign_in()
    # Session, user, clients.
    with django_assert_num_queries(3):
        assert len(browser.get(LIST).context["cl"].result_list) == 20


@pytest.mark.parametrize("text", ["ERP", "invoi", "nightly", "10.20", "finance"])
def test_search(sign_in: SignIn, erp: Client, text: str) -> None:
    Client.objects.create(name="other")
    erp.limit(queues="Invoices", triggers="Nightly", networks="10.20.0.0/16", note="For finance")
    assert list(sign_in().get(LIST, {"q": text}).context["cl"].result_list) == [erp]


@pytest.mark.parametrize(
    "url",
    [
        f"{LIST}?keys__hashed_secret__startswith=a",
        f"{LIST}?keys__hashed_secret=a",
        f"{LIST}?keys__client__keys__hashed_secret__gt=a",
        "/admin/security/apikey/?client__keys__hashed_secret__startswith=a",
        "/admin/security/failedattempt/?key__client__keys__hashed_secret__startswith=a",
    ],
)
def test_nothing_is_found_by_a_hash(sign_in: SignIn, erp: Client, url: str) -> None:
    assert sign_in().get(url).status_code == 400


# The form.


def test_each_field_is_saved(sign_in: SignIn, erp: Client) -> None:
    fields = {
        "name": "ERP 2",
        "may_push": None,
        "may_trigger": None,
        "may_read": "on",
        "queues": "Invoices\r\nHR-*",
        "triggers": "Nightly",
        "networks": "10.20.0.0/16\r\n2001:db8::1",
        "note": "Contact: Mette\r\nfrom 2026",
    }
    response = change(sign_in("Security admins"), erp, **fields)
    assert response.status_code == 302
    assert Client.objects.values().get() == {
        "id": erp.pk,
        "name": "ERP 2",
        "may_push": False,
        "may_trigger": False,
        "may_read": True,
        "queues": "Invoices\nHR-*",
        "triggers": "Nightly",
        "networks": "10.20.0.0/16\n2001:db8::1",
        "note": "Contact: Mette\nfrom 2026",
    }


def test_a_cleared_list_is_empty(sign_in: SignIn, erp: Client) -> None:
    erp.limit(queues="Invoices", triggers="a", networks="10.0.0.1", note="x")
    change(sign_in(), erp, queues="", triggers="", networks="", note="")
    erp.refresh_from_db()
    assert (erp.queues, erp.triggers, erp.networks, erp.note) == ("", "", "", "")


def test_an_untouched_form_changes_and_logs_nothing(sign_in: SignIn, erp: Client) -> None:
    erp.limit(queues="\nInvoices \n\nHR-*\n", note=" x")
    before = Client.objects.values().get()
    assert change(sign_in(), erp).status_code == 302
    assert Client.objects.values().get() == before
    assert entries() == []


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "", "This field is required."),
        ("name", "a\tb", "A client name has no control characters, and no spaces at its ends."),
        ("name", "Other", "There is a client with this name, perhaps in other case."),
        ("queues", "ok\r\na*b", "a*b: a * may only be at the end."),
        ("triggers", "**", "**: a * may only be at the end."),
        (
            "networks",
            "10.0.0.1\r\n10.0.0.300",
            "10.0.0.300 is no IP address and no network such as 10.20.0.0/16.",
        ),
    ],
)
def test_an_invalid_field_shows_its_error(
    sign_in: SignIn, erp: Client, field: str, value: str, error: str
) -> None:
    Client.objects.create(name="Other")
    response = change(sign_in(), erp, **{field: value})
    assert errors(response) == {field: [error]}
    assert Client.objects.filter(pk=erp.pk, name="ERP", queues="", triggers="", networks="")


def test_of_two_editors_the_second_sees_the_conflict(sign_in: SignIn, erp: Client) -> None:
    browser = sign_in()
    url = page_url("change", erp)
    form = form_in(browser.get(url), "name")
    erp.limit(queues="Invoices")
    response = browser.post(url, {**form, "queues": "HR-*"})
    assert "It is now: Invoices." in errors(response)["queues"][0]
    erp.refresh_from_db()
    assert erp.queues == "Invoices"


def test_two_editors_can_change_different_fields(sign_in: SignIn, erp: Client) -> None:
    browser = sign_in()
    url = page_url("change", erp)
    form = form_in(browser.get(url), "name")
    erp.limit(queues="Invoices")
    assert browser.post(url, {**form, "note": "x"}).status_code == 302
    erp.refresh_from_db()
    assert (erp.queues, erp.note) == ("Invoices", "x")


def test_a_change_is_logged_with_old_and_new_values(sign_in: SignIn, erp: Client) -> None:
    erp.limit(queues="Invoices")
    browser = sign_in()
    change(browser, erp, queues="HR-*", may_read="on")
    message = 'may read queue items and triggers: False → True; queues: "Invoices" → "HR-*"'
    assert entries() == [(CHANGE, message)]
    assert message in page_of(browser, erp)


def test_a_limit_takes_effect_at_once(sign_in: SignIn, api: Api) -> None:
    erp = Client.objects.get()
    browser = sign_in()
    assert right(api) == 201
    change(browser, erp, may_push=None)
    assert right(api) == 403
    change(browser, erp, may_push="on")
    assert right(api) == 201


@pytest.mark.django_db(transaction=True)
def test_limits_cached_during_a_change_are_not_used_after_it(
    sign_in: SignIn, erp: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, plaintext = ApiKey.objects.issue("ERP", None)
    old = ApiKey.objects.select_related("client").get(pk=key.pk)

    def cache_before_commit(*args: Any) -> None:
        api_key_cache._snapshot.values[key.hashed_secret] = old

    monkeypatch.setattr("queueapi.admin.audit.record", cache_before_commit)
    change(sign_in(), erp, may_push=None)
    cached = ApiKey.with_secret(plaintext)
    assert cached
    assert not cached.client.may_push


def test_a_client_is_added_without_keys(sign_in: SignIn) -> None:
    response = save(sign_in("Security admins"), ADD, name="ERP", queues="a\r\nb")
    assert response.status_code == 302
    client = Client.objects.get()
    assert (client.name, client.queues, client.networks) == ("ERP", "a\nb", "")
    assert (client.may_push, client.may_trigger, client.may_read) == (True, True, False)
    assert not client.keys.exists()
    [(flag, message)] = entries()
    assert flag == ADDITION
    assert 'queues: (empty) → "a\\nb"' in message


@pytest.mark.parametrize("role", ["Security admins", ""])
def test_a_client_can_not_be_deleted(sign_in: SignIn, role: str) -> None:
    client = Client.objects.create(name="unused")
    browser = sign_in(role)
    assert browser.post(page_url("delete", client), {"post": "yes"}).status_code == 403
    browser.post(LIST, {"action": "delete_selected", "_selected_action": client.pk, "post": "yes"})
    assert "deletelink" not in page_of(browser, client)
    assert Client.objects.get() == client


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_other_roles_do_not_see_clients(sign_in: SignIn, erp: Client, role: str) -> None:
    browser = sign_in(role)
    for url in (LIST, ADD, page_url("change", erp), page_url("history", erp)):
        assert browser.get(url).status_code == 403
    assert LIST not in browser.get("/admin/").content.decode()


def test_a_user_who_may_only_view_changes_nothing(sign_in: SignIn, erp: Client) -> None:
    browser = sign_in("Viewers")
    permissions = Permission.objects.filter(codename__in=["view_client", "view_apikey"])
    User.objects.get().user_permissions.set(permissions)
    page = page_of(browser, erp)
    assert erp.keys.get().prefix in page
    assert ISSUE not in page
    assert browser.post(page_url("change", erp), {"name": "x"}).status_code == 403


@pytest.mark.parametrize("page", ["list", "client", "history", "key", "issue"])
def test_html_in_a_client_is_escaped(sign_in: SignIn, page: str) -> None:
    key, _ = ApiKey.objects.issue(XSS[:100], None)
    key.client.limit(queues=XSS, triggers=XSS, note=XSS)
    browser = sign_in()
    change(browser, key.client, queues=XSS + "\r\nx")
    urls = {
        "list": LIST,
        "client": page_url("change", key.client),
        "history": page_url("history", key.client),
        "key": reverse("admin:security_apikey_change", args=[key.pk]),
        "issue": reverse("admin:security_apikey_add", query={"client": XSS}),
    }
    content = browser.get(urls[page]).content.decode()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert" in content


# Its keys.


def test_the_page_shows_the_keys_without_hashes(sign_in: SignIn, erp: Client) -> None:
    revoked, plaintext = ApiKey.objects.issue("ERP", None)
    revoked.revoke()
    page = page_of(sign_in("Security admins"), erp)
    for key in erp.keys.all():
        assert f"{key.prefix} of ERP" in page
        assert reverse("admin:security_apikey_change", args=[key.pk]) in page
        assert key.hashed_secret not in page
    assert "Active" in page
    assert "Revoked" in page
    assert plaintext not in page


def test_the_page_takes_few_queries(sign_in: SignIn, erp: Client) -> None:
    browser = sign_in()
    page_of(browser, erp)  # Django caches content types
    with CaptureQueriesContext(connection) as few:
        page_of(browser, erp)
    for _ in range(20):
        ApiKey.objects.issue("ERP", None)
    with CaptureQueriesContext(connection) as many:
        page_of(browser, erp)
    assert len(many) == len(few)


def test_the_page_adds_changes_and_deletes_no_key(sign_in: SignIn, erp: Client) -> None:
    key = erp.keys.get()
    before = ApiKey.objects.values().get()
    forged = {
        "keys-TOTAL_FORMS": "3",
        "keys-0-id": str(key.pk),
        "keys-0-client": str(erp.pk),
        "keys-0-expires": "",
        "keys-0-prefix": "aaaaaaaa",
        "keys-0-DELETE": "on",
        "keys-1-id": "",
        "keys-1-prefix": "bbbbbbbb",
        "keys-1-hashed_secret": "0" * 64,
        "keys-2-id": "7",
        "keys-2-client": str(erp.pk),
        "keys-2-prefix": "cccccccc",
    }
    assert change(sign_in(), erp, note="x", **forged).status_code == 302
    assert ApiKey.objects.values().get() == before


def test_a_key_issued_while_the_form_was_open_does_not_stop_the_save(
    sign_in: SignIn, erp: Client
) -> None:
    browser = sign_in()
    url = page_url("change", erp)
    form = form_in(browser.get(url), "name")
    ApiKey.objects.issue("ERP", None)
    assert browser.post(url, {**form, "note": "x"}).status_code == 302
    assert erp.keys.count() == 2


def test_issue_a_key_has_the_name_of_the_client(sign_in: SignIn) -> None:
    client = Client.objects.create(name="Løn & HR/1+2?")
    browser = sign_in("Security admins")
    url = reverse("admin:security_apikey_add", query={"client": client.name})
    assert f'href="{url}"' in browser.get(page_url("change", client)).content.decode()
    form = form_in(browser.get(url), "client")
    assert form["client"] == client.name
    browser.post(url, form)
    assert client.keys.get().is_active
    assert Client.objects.count() == 1


def test_issue_a_key_has_the_stored_name_beside_a_refused_one(sign_in: SignIn, erp: Client) -> None:
    page = change(sign_in(), erp, name="ERP 2", networks="x").content.decode()
    assert f'href="{ISSUE}?client=ERP"' in page


def test_the_page_of_a_key_links_to_its_client(sign_in: SignIn, erp: Client) -> None:
    page = sign_in().get(reverse("admin:security_apikey_change", args=[erp.keys.get().pk]))
    assert f'<a href="{page_url("change", erp)}">ERP</a>' in page.content.decode()


def test_client_without_a_name_is_not_added(sign_in: SignIn) -> None:
    page = sign_in("Security admins").post(reverse("admin:security_client_add"), {"name": ""})
    assert page.status_code == 200
    assert not Client.objects.exists()
