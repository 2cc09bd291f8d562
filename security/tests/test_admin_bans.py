"""Bans and failed attempts in the admin."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.tests.helpers import Api, ClientResponse, SignIn, form_in, messages_in
from security.models import ApiKey, BannedIP, FailedAttempt
from security.tests.helpers import right, wrong

pytestmark = pytest.mark.django_db

LIST = reverse("admin:security_bannedip_changelist")
ADD = reverse("admin:security_bannedip_add")
ATTEMPTS = reverse("admin:security_failedattempt_changelist")
HOUR = timedelta(hours=1)


def ban(network: str = "203.0.113.9") -> BannedIP:
    return BannedIP.objects.ban(network, HOUR, "5 failed attempts", attempts=5)


def ban_by_hand(client: Client, **fields: str) -> ClientResponse:
    form = {**form_in(client.get(ADD), "ip"), "reason": "Port scan"}
    return client.post(ADD, {**form, **fields}, follow=True)


def lift(client: Client, *bans: BannedIP) -> ClientResponse:
    chosen = {"action": "lift", "_selected_action": [each.pk for each in bans]}
    return client.post(LIST, chosen, follow=True)


def test_ban_works(sign_in: SignIn, api: Api) -> None:
    response = ban_by_hand(sign_in("Security admins"), ip="127.0.0.1", duration="2h")
    assert messages_in(response)[0] == "127.0.0.1 is banned."
    assert "your own IP" in messages_in(response)[1]
    row = BannedIP.objects.get()
    assert (row.expires - row.created, row.reason) == (2 * HOUR, "Port scan")
    assert right(api) == 403


def test_the_default_duration_is_ban_duration(sign_in: SignIn) -> None:
    ban_by_hand(sign_in(), ip="203.0.113.9")
    row = BannedIP.objects.get()
    assert row.expires - row.created == HOUR


def test_an_ipv6_address_bans_its_64(sign_in: SignIn) -> None:
    ban_by_hand(sign_in(), ip="2001:db8:1:2::7")
    assert BannedIP.objects.get().network == "2001:db8:1:2::/64"


def test_a_ban_replaces_an_active_ban_in_the_name_of_the_user(sign_in: SignIn) -> None:
    old = ban()
    ban_by_hand(sign_in(), ip=old.network)
    old.refresh_from_db()
    assert old.lifted_by == "anna"
    assert BannedIP.objects.active().count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ip", "elsewhere"),
        ("ip", "10.0.0.0/8"),
        ("ip", "10.20.0.7"),  # exempt
        ("duration", "0"),
        ("duration", "2"),
        ("reason", ""),
    ],
)
def test_an_invalid_field_is_an_error(
    sign_in: SignIn, settings: Settings, field: str, value: str
) -> None:
    settings.BAN_EXEMPT_NETWORKS = ["10.20.0.0/16"]
    response = ban_by_hand(sign_in(), **{"ip": "203.0.113.9", field: value})
    assert response.context["form"].errors
    assert not BannedIP.objects.exists()


def test_lift_works(sign_in: SignIn) -> None:
    first, second = ban("203.0.113.9"), ban("203.0.113.10")
    response = lift(sign_in("Security admins"), first, second)
    assert messages_in(response) == ["2 bans lifted."]
    assert not BannedIP.objects.active().exists()


def test_lift_works_on_the_filtered_list(sign_in: SignIn, api: Api) -> None:
    client, row = sign_in(), ban("127.0.0.1")
    assert right(api) == 403
    chosen = {"action": "lift", "_selected_action": [row.pk]}
    response = client.post(f"{LIST}?state=active", chosen, follow=True)
    assert messages_in(response) == ["1 ban lifted."]
    assert LogEntry.objects.count() == 1
    assert right(api) == 201


def test_an_active_ban_has_a_button_to_lift_it(sign_in: SignIn) -> None:
    client, row = sign_in(), ban()
    page = reverse("admin:security_bannedip_change", args=[row.pk])
    client.post(LIST, form_in(client.get(page), "_selected_action"))
    row.refresh_from_db()
    assert row.lifted_by == "anna"
    assert "_selected_action" not in client.get(page).content.decode()


def test_an_ended_ban_is_not_lifted(sign_in: SignIn) -> None:
    row = ban()
    BannedIP.objects.lift("bo")
    response = lift(sign_in(), row)
    assert messages_in(response) == ["0 bans lifted."]
    row.refresh_from_db()
    assert row.lifted_by == "bo"


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_other_roles_may_not_lift(sign_in: SignIn, role: str) -> None:
    row = ban()
    assert lift(sign_in(role), row).status_code == 403
    row.refresh_from_db()
    assert row.is_active


@pytest.mark.parametrize(("state", "count"), [("active", 1), ("ended", 1), ("x", 2)])
def test_filter_by_state(sign_in: SignIn, state: str, count: int) -> None:
    ban("203.0.113.9"), ban("203.0.113.10")
    BannedIP.objects.filter(network="203.0.113.9").lift("bo")
    shown = sign_in().get(f"{LIST}?state={state}").context["cl"].result_list
    assert len(shown) == count


def test_bans_and_lifts_are_logged(sign_in: SignIn) -> None:
    client = sign_in()
    ban_by_hand(client, ip="203.0.113.9")
    lift(client, BannedIP.objects.get())
    added, lifted = LogEntry.objects.order_by("pk")
    assert added.action_flag == ADDITION
    assert added.change_message.endswith(": Port scan")
    assert lifted.action_flag == CHANGE
    assert lifted.get_change_message().endswith('lifted by: (empty) → "anna"')


def test_a_replaced_ban_is_logged(sign_in: SignIn) -> None:
    old = ban()
    ban_by_hand(sign_in(), ip=old.network)
    entry = LogEntry.objects.get(object_id=old.pk)
    assert entry.get_change_message().endswith('lifted by: (empty) → "anna"')


# Failed attempts.


def test_failed_attempts_are_listed(sign_in: SignIn, api: Api) -> None:
    wrong(api)
    page = sign_in("Security admins").get(ATTEMPTS).content.decode()
    for text in ("127.0.0.1", "Unknown key", "/api/queue"):
        assert text in page


def test_the_list_of_failed_attempts_takes_three_queries(
    sign_in: SignIn, api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        key, plaintext = ApiKey.objects.issue(f"client {number}", HOUR)
        key.revoke()
        wrong(api, X_API_Key=plaintext)
    client = sign_in()
    with django_assert_num_queries(3):  # session, user, attempts with their keys and clients
        assert "of client 3" in client.get(ATTEMPTS).content.decode()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?reason__exact=unknown", 2),
        ("?reason__exact=missing", 0),
        ("?time_from=2000-01-01", 2),
        ("?time_to=2000-01-01", 0),
        ("?q=127.0", 2),
        ("?q=elsewhere", 0),
    ],
)
def test_failed_attempts_are_filtered_and_searched(
    sign_in: SignIn, api: Api, query: str, count: int
) -> None:
    wrong(api, 2)
    assert sign_in().get(ATTEMPTS + query).context["cl"].result_count == count


def test_failed_attempts_are_read_only(sign_in: SignIn, api: Api) -> None:
    wrong(api)
    row = FailedAttempt.objects.get()
    client = sign_in()
    page = reverse("admin:security_failedattempt_change", args=[row.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {}).status_code == 403
    client.post(ATTEMPTS, {"action": "delete_selected", "_selected_action": [row.pk], "post": "1"})
    assert FailedAttempt.objects.exists()


def test_ban_reads_no_bans_of_other_networks(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for last in range(20):
        ban(f"203.0.113.{last}")
    BannedIP.is_banned(ip_address("127.0.0.1"))  # caches all
    client = sign_in()
    form = {**form_in(client.get(ADD), "ip"), "ip": "198.51.100.7", "reason": "r"}
    with django_assert_max_num_queries(30) as queries:
        client.post(ADD, form)
    reads = [
        query["sql"]
        for query in queries.captured_queries
        if query["sql"].startswith("SELECT") and 'FROM "security_bannedip"' in query["sql"]
    ]
    assert all('"network" =' in sql for sql in reads)


@pytest.mark.parametrize("pk", ["x", "9" * 21])
def test_an_invalid_id_lifts_no_ban(sign_in: SignIn, pk: str) -> None:
    response = sign_in().post(LIST, {"action": "lift", "_selected_action": pk}, follow=True)
    assert "no rows of this list" in messages_in(response)[0]


@pytest.mark.parametrize("pk", [1, 999])
def test_save_as_new_is_refused(sign_in: SignIn, pk: int) -> None:
    ban()
    url = reverse("admin:security_bannedip_change", args=[pk])
    assert sign_in().post(url, {"_saveasnew": "1"}).status_code == 403
