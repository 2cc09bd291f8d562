"""Bans on real servers behind a proxy, as in production."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from queueapi.tests.helpers import Serve, Server, database_url, eventually, manage
from security.models import ApiKey, BannedIP, FailedAttempt
from security.tests.helpers import run

pytestmark = pytest.mark.slow

ITEM = b'{"queue_name": "q"}'
ATTACKER = "203.0.113.66:51861"
NEIGHBOUR = "[2001:db8::1]:51760"


@pytest.fixture
def key(transactional_db: None) -> str:
    return ApiKey.objects.issue("ERP", lifetime=None)[1]


def push(server: Server, key: str, client: str) -> int:
    response, _ = server.request(
        "POST",
        "/api/queue",
        ITEM,
        X_API_Key=key,
        X_Forwarded_For=client,
        Content_Type="application/json",
    )
    return response.status


def test_it_works(serve: Serve, key: str) -> None:
    server = serve(TRUSTED_PROXIES="127.0.0.1")

    # One client guesses keys; the other is not affected.
    for attempt in range(1, 6):
        assert push(server, f"guess {attempt}", ATTACKER) == 401
        assert push(server, key, NEIGHBOUR) == 201
    assert push(server, "guess 6", ATTACKER) == 403
    assert push(server, key, ATTACKER) == 403
    assert push(server, key, NEIGHBOUR) == 201
    assert BannedIP.objects.get().network == "203.0.113.66"
    assert set(FailedAttempt.objects.values_list("client_ip", flat=True)) == {"203.0.113.66"}

    # The ban is active after a crash.
    server.process.kill()
    server.process.wait()
    server = serve(TRUSTED_PROXIES="127.0.0.1")
    assert push(server, key, ATTACKER) == 403
    assert push(server, key, NEIGHBOUR) == 201

    # Another process lifts it.
    result = manage("unban_ip", "203.0.113.66", DATABASE_URL=database_url())
    assert result.returncode == 0, result.stderr
    assert eventually(lambda: push(server, key, ATTACKER) == 201)
    assert "203.0.113.66" in server.log.read_text()


def test_a_ban_is_active_in_another_process(serve: Serve, key: str) -> None:
    first = serve(TRUSTED_PROXIES="127.0.0.1")
    second = serve(TRUSTED_PROXIES="127.0.0.1")
    assert push(second, key, ATTACKER) == 201
    for _ in range(5):
        push(first, "guess", ATTACKER)
    assert push(first, key, ATTACKER) == 403
    assert eventually(lambda: push(second, key, ATTACKER) == 403)


def test_a_ban_by_hand_takes_effect(serve: Serve, key: str) -> None:
    server = serve(TRUSTED_PROXIES="127.0.0.1")
    assert push(server, key, NEIGHBOUR) == 201
    run("ban_ip", "2001:db8::1")
    assert eventually(lambda: push(server, key, NEIGHBOUR) == 403)


def test_a_revocation_takes_effect(serve: Serve, key: str) -> None:
    server = serve(TRUSTED_PROXIES="127.0.0.1")
    assert push(server, key, NEIGHBOUR) == 201
    run("revoke_api_key", key[:8])
    assert eventually(lambda: push(server, key, NEIGHBOUR) == 401)


def test_two_processes_create_one_ban(serve: Serve, transactional_db: None) -> None:
    servers = [serve(TRUSTED_PROXIES="127.0.0.1"), serve(TRUSTED_PROXIES="127.0.0.1")]
    with ThreadPoolExecutor(16) as clients:
        codes = list(clients.map(lambda n: push(servers[n % 2], "guess", ATTACKER), range(100)))
    assert set(codes) == {401, 403}
    assert BannedIP.objects.count() == 1
