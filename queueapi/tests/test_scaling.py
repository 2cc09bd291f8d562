"""Three server processes with one database and one Redis, behind HAProxy (docs/scaling.md)."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from typing import Self

import pytest
from django.core.management import call_command
from redis import StrictRedis

from queueapi.tests.haproxy import NAMES, HAProxy, needs_haproxy
from queueapi.tests.helpers import TIMEOUT, Server, eventually
from queueapi.tests.ports import free_port
from queueapi.tests.redis_server import Redis, needs_redis
from queues.models import QueueItem
from security.models import ApiKey, BannedIP

pytestmark = [needs_haproxy, needs_redis, pytest.mark.slow]

ITEM = {"queue_name": "q"}
BULK = {"items": [ITEM]}


def send(
    port: int, key: str, path: str = "/api/queue", client_ip: str = "127.0.0.1"
) -> HTTPResponse:
    """Push an item from an IP of this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT, source_address=(client_ip, 0))
    body = json.dumps(BULK if path.endswith("/bulk") else ITEM)
    with closing(connection):
        connection.request(
            "POST", path, body, {"X-API-Key": key, "Content-Type": "application/json"}
        )
        response = connection.getresponse()
        response.read()
        return response


class Cluster:
    """Three servers behind HAProxy. Single pushes are hardly limited, bulks to 50."""

    def __init__(self, folder: Path, redis: Redis) -> None:
        self.folder = folder
        self.redis = redis
        self.servers: dict[str, Server] = {}
        for name in NAMES:
            self.start(name, free_port())
        self.proxy = HAProxy(folder, [server.port for server in self.servers.values()])

    def start(self, name: str, port: int) -> None:
        # With windows of a day, hardly a test run is in two windows.
        self.servers[name] = Server(
            self.folder / f"{name}.log",
            *("--port", str(port)),
            CACHE_URL=self.redis.url,
            WEB_PROCESSES=str(len(NAMES)),
            TRUSTED_PROXIES="127.0.0.1",
            RATE_QUEUE="1000000/d",
            RATE_BULK="50/d",
        )

    def restart(self, name: str) -> None:
        """Start a server again that has ended, on the same port."""
        server = self.servers[name]
        server.__exit__()
        self.start(name, server.port)

    def reset(self) -> None:
        """Start what a test left stopped, and clear the counters."""
        if self.redis.process.poll() is not None:
            self.redis.start()
        for name, server in self.servers.items():
            if server.process.poll() is not None:
                self.restart(name)
        for name in NAMES:
            self.proxy.undrain(name)
        with StrictRedis.from_url(self.redis.url) as client:
            client.flushall()

    def stop(self) -> None:
        self.proxy.stop()
        for server in self.servers.values():
            server.__exit__()

    def send(self, key: str, path: str = "/api/queue", **options: str) -> HTTPResponse:
        """Push an item through HAProxy."""
        return send(self.proxy.port, key, path, **options)

    def send_many(self, number: int, key: str, path: str) -> list[HTTPResponse]:
        """Push items through HAProxy, several at once."""
        with ThreadPoolExecutor(8) as clients:
            return list(clients.map(lambda _: self.send(key, path), range(number)))

    def eventually_each(self, condition: Callable[[int], object]) -> bool:
        """Return whether the condition comes true for the port of each server, past HAProxy."""
        ports = [server.port for server in self.servers.values()]
        return all(eventually(partial(condition, port)) for port in ports)


@pytest.fixture(scope="module")
def shared_cluster(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    redis = Redis(folder)
    cluster = Cluster(folder, redis)
    yield cluster
    cluster.stop()
    redis.stop()


@pytest.fixture
def cluster(transactional_db: None, shared_cluster: Cluster) -> Cluster:
    shared_cluster.reset()
    return shared_cluster


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


def test_rates_are_exact_across_all_processes(cluster: Cluster, key: str) -> None:
    statuses = [response.status for response in cluster.send_many(80, key, "/api/queue/bulk")]
    assert (statuses.count(201), statuses.count(429)) == (50, 30)
    assert all(int(cluster.proxy.statistics(name)["hrsp_2xx"]) for name in NAMES)


# What operators change takes effect in each process. These caches are full before the change.


def test_a_ban_takes_effect_in_each_process(cluster: Cluster, key: str) -> None:
    def status(port: int) -> int:
        return send(port, key, client_ip="127.0.0.2").status

    assert cluster.eventually_each(lambda port: status(port) == 201)
    # Each of them at another process than the one before.
    wrong = [cluster.send("wrong", client_ip="127.0.0.2").status for _ in range(5)]
    assert wrong == [401] * 5
    assert BannedIP.objects.get().network == "127.0.0.2"
    assert cluster.eventually_each(lambda port: status(port) == 403)
    assert cluster.send(key).status == 201


def test_a_limit_takes_effect_in_each_process(cluster: Cluster, key: str) -> None:
    assert cluster.eventually_each(lambda port: send(port, key).status == 201)
    call_command("limit_client", "ERP", "--allow", "read")
    assert cluster.eventually_each(lambda port: send(port, key).status == 403)


def test_a_revocation_takes_effect_in_each_process(cluster: Cluster, key: str) -> None:
    assert cluster.eventually_each(lambda port: send(port, key).status == 201)
    call_command("revoke_api_key", ApiKey.objects.get().prefix)
    # One 401 of each server: five would ban.
    assert cluster.eventually_each(lambda port: send(port, key).status == 401)


# Redis away and back.


def test_pushes_pass_uncounted_without_redis_and_count_again_with_it(
    cluster: Cluster, key: str
) -> None:
    bulk = "/api/queue/bulk"
    cluster.redis.stop()
    responses = cluster.send_many(60, key, bulk)
    assert {response.status for response in responses} == {201}
    assert {response.headers["RateLimit-Limit"] for response in responses} == {None}

    cluster.redis.start()
    assert cluster.eventually_each(lambda port: send(port, key, bulk).headers["RateLimit-Limit"])
    statuses = [response.status for response in cluster.send_many(60, key, bulk)]
    assert statuses.count(201) == 50 - len(cluster.servers)


# Processes that stop under load.


class Load:
    """Clients that push through HAProxy until the block ends.

    With `retries`, they send an Idempotency-Key, and repeat a push after an error.
    """

    def __init__(self, cluster: Cluster, key: str, *, retries: bool = False) -> None:
        self.port = cluster.proxy.port
        self.key = key
        self.retries = retries
        self.acknowledged: list[tuple[str, str]] = []  # reference and id
        self.errors: list[object] = []
        self.numbers = count()
        self.is_over = threading.Event()
        self.clients = [threading.Thread(target=self.run) for _ in range(4)]

    def __enter__(self) -> Self:
        for client in self.clients:
            client.start()
        self.wait_for_pushes()
        return self

    def __exit__(self, *exception: object) -> None:
        self.is_over.set()
        for client in self.clients:
            client.join()

    def wait_for_pushes(self) -> None:
        """Wait until 40 more pushes are acknowledged."""
        enough = len(self.acknowledged) + 40
        assert eventually(lambda: len(self.acknowledged) >= enough)

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with closing(connection):
            # A break, so that a rolling restart takes less CPU time.
            while not self.is_over.wait(0 if self.retries else 0.02):
                reference = str(next(self.numbers))
                while not self.push(connection, reference) and self.retries:
                    pass

    def push(self, connection: HTTPConnection, reference: str) -> bool:
        """Push an item, and return whether it was acknowledged."""
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        if self.retries:
            headers["Idempotency-Key"] = reference
        body = json.dumps({**ITEM, "reference": reference})
        try:
            connection.request("POST", "/api/queue", body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            self.errors.append(error)
            connection.close()
            return False
        if response.status != 201:
            self.errors.append(content)
            return False
        self.acknowledged.append((reference, json.loads(content)["id"]))
        return True


def stored() -> list[tuple[str, str]]:
    """Return reference and id of the items."""
    return sorted(
        (ref or "", str(pk)) for ref, pk in QueueItem.objects.values_list("reference", "pk")
    )


def test_a_rolling_restart_drops_no_request(cluster: Cluster, key: str) -> None:
    with Load(cluster, key) as load:
        for name, server in list(cluster.servers.items()):
            cluster.proxy.drain(name)
            assert server.stop() == 0
            cluster.restart(name)
            cluster.proxy.undrain(name)
    assert load.errors == []
    assert sorted(load.acknowledged) == stored()


def test_a_killed_process_loses_and_doubles_no_item(cluster: Cluster, key: str) -> None:
    with Load(cluster, key, retries=True) as load:
        cluster.servers["two"].process.kill()
        load.wait_for_pushes()
    assert sorted(load.acknowledged) == stored()
