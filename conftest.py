"""The environment that the tests run in, and what many of them need."""

import os
import secrets
import tempfile
from pathlib import Path

# Set before Django reads its settings, and instead of whatever the shell or a .env file has:
# production's defaults, except that nothing is in front of the test client to speak TLS.
os.environ.update(
    DJANGO_SETTINGS_MODULE="queueapi.settings",
    ENV_FILE="",
    DEBUG="off",
    HTTPS="off",
    SECRET_KEY=secrets.token_urlsafe(50),
    ALLOWED_HOSTS="testserver,127.0.0.1",
    TRUSTED_PROXIES="none",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", "sqlite:///queueapi"),
)
for name in (
    *("HTTP_PLATFORM_PORT", "MAX_REQUEST_BYTES", "TIME_ZONE", "CACHE_URL", "WEB_PROCESSES"),
    *("BAN_AFTER", "BAN_WINDOW", "BAN_DURATION", "BAN_EXEMPT_NETWORKS"),
    *("RATE_QUEUE", "RATE_TRIGGER", "STUCK_AFTER"),
    *("DATABASE_CONNECTION_TIMEOUT", "DATABASE_QUERY_TIMEOUT"),
):
    os.environ.pop(name, None)

import django
import pytest

django.setup()

from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connections
from django.test import Client
from redis.exceptions import RedisError

from queueapi.tests.helpers import Api, Server, forget_what_was_logged
from security.models import ApiKey
from security.models.api_keys import api_key_cache
from security.models.bans import ban_cache
from security.models.failed_attempts import api_failure_cache, attempt_budget

pytest_plugins = ["queueapi.tests.orchestrator_fixtures"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """An SQLite test database is a file, so that threads and other processes can share it."""
    database = connections["default"]
    if database.vendor == "sqlite":
        folder = tempfile.TemporaryDirectory(prefix="queueapi-", ignore_cleanup_errors=True)
        database.settings_dict["TEST"]["NAME"] = str(Path(folder.name) / "test.sqlite3")
        yield
        database.close()
        folder.cleanup()
    else:
        yield


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Each test begins with empty counters, and without answers about rows of another test."""
    cache.clear()
    for recent in (api_key_cache, ban_cache, api_failure_cache):
        recent.invalidate_all()
    attempt_budget.left = attempt_budget.burst
    forget_what_was_logged()


@pytest.fixture
def cache_is_away(settings):
    """The cache is a Redis, and nobody listens there."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    settings.CACHE_ERRORS = (OSError, RedisError)


@pytest.fixture
def serve(transactional_db, tmp_path):
    """Starts servers on the test database, and sees to their end."""
    servers: list[Server] = []

    def start(*arguments: str, **environment: str) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}.log", *arguments, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()


@pytest.fixture
def sign_in(db, client):
    """Signs the client in as a new user of a role, or as a superuser, and gives the client."""

    def sign_in(role: str = "", username: str = "anna") -> Client:
        user = User.objects.create_user(username, is_staff=True, is_superuser=not role)
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def api(db) -> Api:
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    return Api(Client(raise_request_exception=False), key)
