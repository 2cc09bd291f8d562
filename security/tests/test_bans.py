"""Failed attempts, and the bans that they lead to."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from queues.models import QueueItem
from security.models import ApiKey, BannedIP, FailedAttempt
from security.models.bans import banned_until, has_api_failures
from security.models.keys import known_keys
from triggers.models import Trigger

pytestmark = pytest.mark.django_db

ITEM = {"queue_name": "q"}


def wrong(api, times: int = 1, **headers: str) -> list[int]:
    """The answers to attempts with a wrong key."""
    return [
        api.post("/api/queue", ITEM, **{"X_API_Key": "wrong", **headers}).status_code
        for _ in range(times)
    ]


def right(api, **headers: str) -> int:
    return api.post("/api/queue", ITEM, **headers).status_code


def a_few_seconds_later() -> None:
    """What another process sees once it has asked the database again."""
    for recent in (banned_until, has_api_failures, known_keys):
        recent.forget_all()


def test_it_works(api):
    assert wrong(api, 5) == [401] * 5
    response = api.post("/api/queue", ITEM)
    assert response.status_code == 403
    assert response.json() == {
        "success": False,
        "error": "This address is banned after repeated failed attempts; "
        "try again later or ask the operators.",
    }
    assert not QueueItem.objects.exists()


def test_four_attempts_ban_nobody(api):
    wrong(api, 4)
    assert right(api) == 201
    assert not BannedIP.objects.exists()


@pytest.mark.parametrize("path", ["/api/queue", "/api/queue/", "/api/trigger", "/api/nothing"])
def test_a_ban_closes_all_of_the_api(api, path):
    wrong(api, 5)
    assert api.post(path, ITEM).status_code == 403
    assert api.client.get(path).status_code == 403


def test_what_the_ban_says_of_itself(api):
    before = timezone.now()
    wrong(api, 5)
    ban = BannedIP.objects.get()
    assert ban.network == "127.0.0.1"
    assert ban.attempts == 5
    assert ban.reason == "5 failed attempts"
    assert ban.until - ban.began == timedelta(hours=1)
    assert before <= ban.began <= timezone.now()
    assert (ban.ended, ban.ended_by) == (None, None)


def test_ban_after_and_ban_duration_are_settings(api, settings):
    settings.BAN_AFTER = 2
    settings.BAN_DURATION = timedelta(minutes=7)
    assert wrong(api, 3) == [401, 401, 403]
    ban = BannedIP.objects.get()
    assert ban.until - ban.began == timedelta(minutes=7)


def test_attempts_outside_of_the_window_do_not_count(api):
    wrong(api, 4)
    FailedAttempt.objects.update(time=timezone.now() - timedelta(minutes=15))
    wrong(api, 4)
    assert not BannedIP.objects.exists()
    wrong(api, 1)
    assert BannedIP.objects.exists()


def test_a_ban_ends_by_itself(api):
    wrong(api, 5)
    BannedIP.objects.update(until=timezone.now())
    a_few_seconds_later()
    assert right(api) == 201


def test_a_ban_that_ran_out_is_closed_by_the_next_one(api):
    wrong(api, 5)
    ran_out = timezone.now()
    BannedIP.objects.update(until=ran_out)
    a_few_seconds_later()
    wrong(api, 5)
    old, new = BannedIP.objects.order_by("pk")
    assert (old.ended, old.ended_by) == (ran_out, None)
    assert new.is_active


def test_after_a_ban_one_attempt_does_not_ban_again(api):
    wrong(api, 5)
    BannedIP.objects.lift(by="anna")
    assert wrong(api, 4) == [401] * 4
    assert right(api) == 201


def test_there_is_one_running_ban_per_network(api):
    wrong(api, 5)
    ban = BannedIP.objects.get()
    ban.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        ban.save(force_insert=True)


def test_lifting_names_who_did_it(api):
    wrong(api, 5)
    BannedIP.objects.lift(by="anna")
    ban = BannedIP.objects.get()
    assert ban.ended_by == "anna"
    assert ban.ended <= timezone.now()
    assert right(api) == 201


def test_a_ban_that_ran_out_is_not_lifted(api):
    wrong(api, 5)
    BannedIP.objects.update(until=timezone.now())
    assert BannedIP.objects.lift(by="anna") == []


def test_a_flood_from_a_banned_address_costs_the_database_nothing(api, django_assert_num_queries):
    wrong(api, 5)
    wrong(api)
    with django_assert_num_queries(0):
        assert wrong(api, 50) == [403] * 50
    assert FailedAttempt.objects.count() == 5


def test_an_ipv6_client_is_banned_with_its_64(api, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    for n in range(5):
        assert wrong(api, X_Forwarded_For=f"[2001:db8:1:2::{n}]:51760") == [401]
    assert right(api, X_Forwarded_For="2001:db8:1:2:ffff::1") == 403
    assert right(api, X_Forwarded_For="2001:db8:1:3::1") == 201
    assert BannedIP.objects.get().network == "2001:db8:1:2::/64"


def test_one_client_behind_the_proxy_does_not_ban_another(api, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert wrong(api, 6, X_Forwarded_For="203.0.113.9:1") == [401] * 5 + [403]
    assert right(api, X_Forwarded_For="203.0.113.10:1") == 201


def test_a_client_can_not_get_somebody_else_banned(api, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    wrong(api, 5, X_Forwarded_For="198.51.100.1, 203.0.113.9:1")
    assert right(api, X_Forwarded_For="198.51.100.1:1") == 201


def test_an_exempt_network_is_never_banned_but_its_failures_are_noted(api, settings):
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.0/8"]
    assert wrong(api, 7) == [401] * 7
    assert FailedAttempt.objects.count() == 7


def test_exempting_an_address_opens_the_door_at_once(api, settings):
    wrong(api, 5)
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]
    assert right(api) == 201


# What is written down


def test_an_attempt_is_written_down(api):
    wrong(api, User_Agent="x" * 5000)
    attempt = FailedAttempt.objects.get()
    assert abs(attempt.time - timezone.now()) < timedelta(minutes=1)
    assert attempt.address == "127.0.0.1"
    assert attempt.path == "/api/queue"
    assert attempt.method == "POST"
    assert attempt.user_agent == "x" * 200
    assert attempt.reason == "unknown"
    assert attempt.key is None


def test_a_missing_key_is_named_as_such(api):
    wrong(api, X_API_Key="")
    assert FailedAttempt.objects.get().reason == "missing"


def test_an_expired_key_is_named_and_which_it_was(api):
    key, text = ApiKey.objects.issue("Old", lifetime=timedelta(days=1))
    ApiKey.objects.filter(pk=key.pk).update(expires=timezone.now())
    wrong(api, X_API_Key=text)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.key) == ("expired", key)


def test_a_revoked_key_is_named_and_which_it_was(api):
    key, text = ApiKey.objects.issue("Old", lifetime=None)
    key.revoke()
    wrong(api, X_API_Key=text)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.key) == ("revoked", key)


def test_no_secret_password_or_body_is_written_down(api, caplog):
    caplog.set_level("DEBUG")
    api.post("/api/queue?key=s3cret", {"queue_name": "s3cret"}, X_API_Key="s3cret")
    login(api.client, username="s3cret-user", password="s3cret")
    for attempt in FailedAttempt.objects.values():
        assert "s3cret" not in str(attempt)
    assert "s3cret" not in caplog.text


def test_an_odd_request_is_written_down_too(api):
    api.client.generic("B" * 50, "/api/queue/?" + "x" * 5000, headers={"User-Agent": "\xff\x01"})
    attempt = FailedAttempt.objects.get()
    assert (attempt.method, attempt.path, attempt.user_agent) == (
        "B" * 10,
        "/api/queue/",
        "\xff\x01",
    )


# Success


def test_a_success_clears_the_count_of_api_failures(api):
    for _ in range(3):
        wrong(api, 4)
        assert right(api) == 201
    assert not BannedIP.objects.exists()


def test_a_success_keeps_the_evidence(api):
    wrong(api, 4)
    right(api)
    assert FailedAttempt.objects.count() == 4


def test_a_success_does_not_clear_admin_logins(api):
    for _ in range(4):
        login(api.client)
    right(api)
    wrong(api, 1)
    assert right(api) == 403


@pytest.mark.parametrize("status", [400, 404, 405, 415])
def test_a_right_key_with_another_error_clears_nothing(api, status):
    wrong(api, 4)
    answer = {
        400: lambda: api.post("/api/queue", {}),
        404: lambda: api.post("/api/trigger", {"trigger_name": "x"}),
        405: lambda: api.client.get("/api/queue", headers={"X-API-Key": api.key}),
        415: lambda: api.post("/api/queue", {}, Content_Type="text/plain"),
    }[status]()
    assert answer.status_code == status
    wrong(api, 1)
    assert right(api) == 403


def test_a_caller_without_failures_pays_nothing(api, django_assert_num_queries):
    right(api)
    # the INSERT
    with django_assert_num_queries(1):
        right(api)


# The admin's login form


def login(client: Client, username: str = "anna", password: str = "wrong") -> int:
    return client.post("/admin/login/", {"username": username, "password": password}).status_code


@pytest.fixture
def anna(db):
    return get_user_model().objects.create_superuser("anna", password="correct horse")


def test_five_failed_logins_close_the_form(client, anna):
    assert [login(client) for _ in range(5)] == [200] * 5
    assert login(client, password="correct horse") == 403
    page = client.get("/admin/login/")
    assert page.status_code == 403
    assert "This address is banned" in page.content.decode()


def test_failed_logins_are_written_down(client, anna):
    login(client)
    attempt = FailedAttempt.objects.get()
    assert (attempt.reason, attempt.path) == ("admin login", "/admin/login/")


def test_a_right_password_of_a_non_staff_account_is_a_failure(client, django_user_model):
    django_user_model.objects.create_user("bo", password="correct horse")
    assert login(client, "bo", "correct horse") == 200
    assert FailedAttempt.objects.count() == 1


def test_a_post_without_a_csrf_token_is_a_failure(anna):
    assert login(Client(enforce_csrf_checks=True)) == 403
    assert FailedAttempt.objects.get().reason == "admin login"


def test_signing_in_is_no_failure(client, anna):
    assert login(client, password="correct horse") == 302
    assert not FailedAttempt.objects.exists()


def test_looking_at_the_form_is_no_failure(client):
    client.get("/admin/login/")
    assert not FailedAttempt.objects.exists()


def test_logins_and_api_failures_count_together(api, anna):
    wrong(api, 3)
    assert [login(api.client) for _ in range(3)] == [200, 200, 403]


def test_a_staff_session_goes_on_and_can_lift_the_ban(api, admin_client):
    wrong(api, 5)
    ban = BannedIP.objects.get()
    assert admin_client.get("/admin/").status_code == 200
    response = admin_client.post(
        "/admin/security/bannedip/", {"action": "lift", "_selected_action": [ban.pk]}, follow=True
    )
    assert "1 bans lifted." in response.content.decode()
    ban.refresh_from_db()
    assert ban.ended_by == "admin"
    assert right(api) == 201


def test_the_rest_of_the_site_stays_open_to_a_banned_address(api):
    wrong(api, 5)
    assert api.client.get("/nothing").status_code == 404


def test_a_database_that_fails_lets_nobody_in(api):
    with connection.execute_wrapper(fail):
        assert right(api) == 500


def fail(*_):
    raise RuntimeError("sql02 is on fire")


@contextmanager
def no_writes_to(table: str):
    def refuse(execute, sql, params, many, context):
        if table in sql and not sql.startswith("SELECT"):
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.django_db(transaction=True)
def test_a_success_stands_although_it_can_not_be_noted(api, caplog):
    wrong(api)
    with no_writes_to("security_failedattempt"):
        assert right(api) == 201
    assert QueueItem.objects.count() == 1
    assert "Could not note" in caplog.text


def test_a_failure_is_a_401_although_it_can_not_be_noted(api):
    with no_writes_to("security_failedattempt"):
        assert wrong(api) == [401]


def test_what_was_under_way_when_a_ban_began_does_not_count_after_it(api, settings):
    wrong(api, 5)
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]  # lets them through as if they were under way
    wrong(api, 4)
    settings.BAN_EXEMPT_NETWORKS = []
    BannedIP.objects.lift(by="anna")
    assert wrong(api, 5) == [401] * 5
    assert wrong(api) == [403]


def test_a_ban_shorter_than_the_window_leaves_a_clean_slate_too(api):
    wrong(api, 5)
    BannedIP.objects.update(until=timezone.now())
    a_few_seconds_later()
    assert wrong(api, 6) == [401] * 5 + [403]


def test_a_trigger_call_clears_the_count_too(api):
    wrong(api, 4)
    Trigger.objects.create(trigger_name="T", type="SINGLE")
    assert api.post("/api/trigger", {"trigger_name": "T"}).status_code == 200
    assert wrong(api, 4) == [401] * 4
