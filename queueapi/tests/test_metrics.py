"""GET /metrics: who may read it, and what it counts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from queueapi.metrics import Metrics
from queueapi.tests.helpers import Api, ClientResponse, Server, failing
from queues.models import QueueItem
from security.models import ApiKey, BannedIP
from triggers.models import SingleTrigger

UNKNOWN_URL = {"success": False, "error": "There is nothing at this URL."}

Numbers = dict[tuple[str, ...], float]


def parse(text: bytes) -> Numbers:
    """Return the numbers by their name, without `queueapi_`, and the values of their labels."""
    return {
        (sample.name.removeprefix("queueapi_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def scrape(client: Client) -> Numbers:
    response = client.get("/metrics")
    assert response.status_code == 200
    return parse(response.content)


def scrape_server(server: Server) -> Numbers:
    return parse(server.request("GET", "/metrics")[1])


@pytest.mark.django_db
def test_it_works(client: Client) -> None:
    QueueItem.objects.create(queue_name="q")
    response = client.get("/metrics")
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'queueapi_items{queue="q",status="NEW"} 1.0\n' in response.content


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    """Start a server in whose environment another program's metrics have a folder."""
    folder = tmp_path_factory.mktemp("metrics")
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with Server(folder.parent / "metrics.log", **environment) as server:
        yield server, folder


def test_head_has_no_body(server: tuple[Server, Path]) -> None:
    response, body = server[0].request("HEAD", "/metrics")
    assert response.status == 200
    assert int(response.headers["Content-Length"]) > 100
    assert body == b""


# Who may read it.


def get(
    client: Client, peer: str = "127.0.0.1", path: str = "/metrics", **headers: str
) -> ClientResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers=sent, REMOTE_ADDR=peer)


@pytest.mark.django_db
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_may_read(client: Client, settings: Settings, peer: str) -> None:
    for settings.TRUSTED_PROXIES in (None, [], ["127.0.0.1"]):
        assert get(client, peer).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "10.1.2.3:51861"},
        {"X_Forwarded_For": "127.0.0.1, 10.1.2.3:51861"},  # the first entry is the client's own
        {"X_Forwarded_For": "127.0.0.1:51861"},  # a client on this machine
        {"X_Forwarded_For": "[::1]:51861"},
        {"X_Forwarded_For": "::ffff:127.0.0.1"},
        {"X_Forwarded_For": "unknown"},
        {"X_Forwarded_For": ""},
        {"Forwarded": "for=127.0.0.1"},
        {"X_Real_IP": "127.0.0.1"},
        {"X_Forwarded_Proto": "https"},
    ],
)
def test_a_client_of_a_proxy_on_this_machine_may_not_read(
    client: Client, settings: Settings, headers: dict[str, str]
) -> None:
    for settings.TRUSTED_PROXIES in (None, [], ["127.0.0.1"], ["127.0.0.1", "10.0.0.0/8"]):
        response = get(client, **headers)
        assert (response.status_code, response.json()) == (404, UNKNOWN_URL)


def test_a_client_on_the_machine_of_a_distant_proxy_may_not_read(
    client: Client, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.2"]
    assert get(client, "10.0.0.2", X_Forwarded_For="127.0.0.1").status_code == 404


@pytest.mark.parametrize("peer", ["10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3", ""])
def test_other_networks_may_not_read(client: Client, peer: str) -> None:
    for headers in ({}, {"X_Forwarded_For": "127.0.0.1"}, {"X_Real_IP": "127.0.0.1"}):
        assert get(client, peer, **headers).status_code == 404


@pytest.mark.django_db
def test_a_named_network_may_read_through_the_proxy(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.METRICS_NETWORKS = ["10.20.0.5"]
    assert get(client, X_Forwarded_For="10.20.0.5:51861").status_code == 200
    assert get(client, X_Forwarded_For="10.20.0.5, 10.20.0.6:51861").status_code == 404
    assert get(client).status_code == 404


def test_nobody_may_read_with_none(client: Client, settings: Settings) -> None:
    settings.METRICS_NETWORKS = []
    assert get(client).status_code == 404


def test_a_refusal_is_that_of_an_unknown_url(client: Client) -> None:
    refused, unknown = get(client, "10.1.2.3"), get(client, "10.1.2.3", "/nothing")
    assert refused.content == unknown.content
    assert refused.headers.keys() == unknown.headers.keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_get_404(client: Client, method: str) -> None:
    assert client.generic(method, "/metrics").status_code == 404


def test_other_paths_get_404(client: Client) -> None:
    for path in ("/metrics/", "/metrics/x", "/Metrics", "//metrics"):
        assert get(client, path=path).status_code == 404


@pytest.mark.django_db
def test_host_and_bans_do_not_matter(client: Client) -> None:
    BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "five wrong keys")
    assert get(client, Host="10.0.0.1:8000").status_code == 200


# Requests.


def counted(client: Client, before: Numbers) -> Numbers:
    """Return the requests and refusals since `before`, but the reading of `/metrics`."""
    after = scrape(client)
    return {
        key: after[key] - before.get(key, 0)
        for key in after
        if key[0] in {"request_seconds_count", "refusals_total"}
        and after[key] != before.get(key)
        and key[1] != "metrics"
    }


ENDPOINTS = {
    "/api": "api",
    "/api/docs": "docs",
    "/api/queue": "queue",
    "/api/queue/": "queue",
    "/api/queue/bulk": "bulk",
    "/api/queue/6a1c": "item",
    "/api/trigger": "trigger",
    "/admin/login/": "admin",
    "/admin/nothing": "admin",
    "/static/nothing": "static",
    "/healthz": "healthz",
    "/readyz": "readyz",
    "/": "other",
    "/nothing/here": "other",
    "/api/nothing": "other",
    "/adminx/": "other",
    "/%00%0a": "other",
}


@pytest.mark.django_db
def test_each_request_counts_for_one_of_few_endpoints(client: Client, settings: Settings) -> None:
    settings.BAN_AFTER = 100
    for path, endpoint in ENDPOINTS.items():
        before = scrape(client)
        response = client.get(path)
        requests = {key: n for key, n in counted(client, before).items() if len(key) == 3}
        assert requests["request_seconds_count", endpoint, str(response.status_code)] == 1, path


def test_a_push_is_in_one_bucket_and_all_above(api: Api) -> None:
    before = scrape(api.client)
    api.post("/api/queue", {"queue_name": "q"})
    buckets = {
        key[2]: number - before.get(key, 0)
        for key, number in scrape(api.client).items()
        if key[:2] == ("request_seconds_bucket", "queue") and key[3] == "201"
    }
    assert list(buckets) == ["0.005", "0.025", "0.1", "0.5", "2.5", "10.0", "+Inf"]
    assert sorted(buckets.values()) == list(buckets.values())
    assert buckets["+Inf"] == 1


def test_a_banned_client_counts_for_its_endpoint(api: Api) -> None:
    BannedIP.objects.ban("127.0.0.1", timedelta(hours=1), "five wrong keys")
    before = scrape(api.client)
    assert api.post("/api/queue/bulk", {}).status_code == 403
    assert counted(api.client, before) == {
        ("request_seconds_count", "bulk", "403"): 1,
        ("refusals_total", "banned", "403"): 1,
    }


def test_refusals_count_by_reason(api: Api) -> None:
    before = scrape(api.client)
    api.post("/api/queue", {}, X_API_Key="wrong")
    for _ in range(11):
        api.post("/api/trigger", {})
    refusals = {key: n for key, n in counted(api.client, before).items() if "refusals" in key[0]}
    assert refusals == {
        ("refusals_total", "unknown", "401"): 1,
        ("refusals_total", "rate_limited", "429"): 1,
    }


@pytest.mark.django_db
def test_a_refusal_without_a_reason_is_counted(client: Client) -> None:
    before = scrape(client)
    client = Client(enforce_csrf_checks=True)
    assert client.post("/admin/login/").status_code == 403
    assert counted(client, before)["refusals_total", "other", "403"] == 1


# The database.


@pytest.mark.django_db
def test_items_count_by_queue_and_status(client: Client) -> None:
    QueueItem.objects.bulk_create(
        QueueItem(queue_name=name, status=status)
        for name, status in [("a", "NEW"), ("a", "NEW"), ("a", "DONE"), ("b", "FAILED")]
    )
    numbers = scrape(client)
    assert numbers["items", "a", "NEW"] == 2
    assert numbers["items", "a", "DONE"] == 1
    assert numbers["items", "a", "FAILED"] == 0
    assert numbers["items", "b", "FAILED"] == 1


@pytest.mark.django_db
def test_the_age_is_that_of_the_oldest_new_item(client: Client) -> None:
    now = timezone.now()
    for name, status, hours in [
        ("a", "NEW", 2),
        ("a", "NEW", 1),
        ("a", "DONE", 9),
        ("b", "DONE", 9),
    ]:
        created = now - timedelta(hours=hours)
        QueueItem.objects.create(queue_name=name, status=status, created_date=created)
    numbers = scrape(client)
    assert numbers["oldest_new_seconds", "a"] // 3600 == 2
    assert ("oldest_new_seconds", "b") not in numbers


@pytest.mark.django_db
def test_triggers_bans_and_keys_are_counted(client: Client) -> None:
    for status in ("IDLE", "IDLE", "FAILED"):
        SingleTrigger.objects.create(
            trigger_name="t", process_status=status, type="SINGLE", next_run=timezone.now()
        )
    BannedIP.objects.ban("10.1.2.3", timedelta(hours=1), "five wrong keys")
    BannedIP.objects.ban("10.1.2.4", timedelta(hours=1), "five wrong keys")
    BannedIP.objects.filter(network="10.1.2.4").lift("anna")
    for days in (-1, 5, 20, 90, None):
        _, key = ApiKey.objects.issue("ERP", None if days is None else timedelta(days=1))
        expires = None if days is None else timezone.now() + timedelta(days=days)
        ApiKey.objects.filter(prefix=key[:8]).update(expires=expires)
    numbers = scrape(client)
    assert numbers["triggers", "IDLE"] == 2
    assert numbers["triggers", "FAILED"] == 1
    assert numbers["triggers", "PAUSED"] == 0
    assert numbers["active_bans",] == 1
    assert numbers["active_keys", "up to 7"] == 1
    assert numbers["active_keys", "up to 30"] == 2
    assert numbers["active_keys", "any"] == 4


@pytest.mark.django_db
def test_the_queues_beyond_two_hundred_are_added_up(client: Client) -> None:
    QueueItem.objects.bulk_create(
        QueueItem(queue_name=f"{number:03}", status="NEW")
        for number in range(250)
        for _ in range(2 if number < 200 else 1)
    )
    numbers = scrape(client)
    assert sum(key[0] == "items" and key[2] == "NEW" for key in numbers) == 201
    assert sum(key[0] == "oldest_new_seconds" for key in numbers) == 201
    assert numbers["items", "199", "NEW"] == 2
    assert numbers["items", "(other)", "NEW"] == 50


@pytest.mark.django_db
def test_a_queue_with_the_name_of_the_sum_is_part_of_it(client: Client) -> None:
    names = ["(other)"] * 3 + [f"{number:03}" for number in range(210)]
    QueueItem.objects.bulk_create(QueueItem(queue_name=name) for name in names)
    text = get(client).content.decode()
    assert text.count('queue="(other)",status="NEW"') == 1
    assert parse(text.encode())["items", "(other)", "NEW"] == 3 + 11


HOSTILE = ["a\nb", 'a"} 1\nx{y="', "a\\", "\\n", "😀" * 50, "a\rb\x85\u2028", "", " ", "{}", "#"]


@pytest.mark.django_db
def test_names_of_queues_are_escaped(client: Client) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name=name) for name in HOSTILE)
    numbers = scrape(client)
    assert {key[1] for key in numbers if key[0] == "items"} == set(HOSTILE)


# The memory of these numbers.


@pytest.mark.django_db
def test_the_database_is_read_once_while_the_cache_is_away(
    client: Client, unreachable_cache: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Items by queue and status; created, done and failed items by hour; triggers; bans; active
    # keys, those that expire within 7 days and within 30.
    with django_assert_num_queries(9):
        scrape(client)
    with django_assert_num_queries(0):
        scrape(client)


@pytest.mark.django_db(transaction=True)
def test_the_database_is_read_once_for_parallel_scrapes(unreachable_cache: None) -> None:
    metrics = Metrics()
    start = Barrier(4)

    def collect(number: int) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            start.wait()
            families = list(metrics.collect())
        connection.close()
        return len(queries), len(families)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(collect, range(4)))
    assert sorted(queries for queries, _ in results) == [0, 0, 0, 9]
    assert len({families for _, families in results}) == 1


@pytest.mark.django_db
def test_requests_are_there_while_the_database_is_away(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert scrape(client)["database_up",] == 1
    other = Client()  # which has not read the database yet
    with failing("SELECT", OperationalError("08001", "no server")):
        numbers = scrape(other)
    assert numbers["database_up",] == 0
    assert numbers["request_seconds_count", "metrics", "200"] >= 1
    assert not {"items", "triggers", "active_bans", "active_keys"} & {key[0] for key in numbers}
    assert "Could not read the metrics of the database" in caplog.text
    # Nor is it asked again at once.
    assert scrape(other)["database_up",] == 0


def test_one_process_counts_in_memory_whatever_the_environment_says(
    server: tuple[Server, Path],
) -> None:
    assert server[0].request("GET", "/static/admin/css/base.css")[0].status == 200
    assert scrape_server(server[0])["request_seconds_count", "static", "200"] == 1
    assert not list(server[1].iterdir())
