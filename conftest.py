"""The environment of the tests, and the fixtures that several apps use."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

# Set before Django reads its settings, and instead of those of the shell or of a .env file:
# production's defaults, except that the test client has no proxy that speaks TLS.
os.environ.update(
    DJANGO_SETTINGS_MODULE="queueapi.settings",
    ENV_FILE="",
    DEBUG="off",
    HTTPS="off",
    # The same in each worker, which reads its settings from the first process's environment.
    SECRET_KEY="of the tests alone, and as long as a secret key has to be",
    ALLOWED_HOSTS="testserver,127.0.0.1",
    TRUSTED_PROXIES="none",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", "sqlite:///queueapi"),
)
for name in (
    *("HTTP_PLATFORM_PORT", "MAX_REQUEST_BYTES", "MAX_BULK_BYTES", "ACCEPT_ANY_CONTENT_TYPE"),
    *("TIME_ZONE", "CACHE_URL", "WEB_PROCESSES", "LOG_FORMAT"),
    *("METRICS_NETWORKS", "METRICS_FOLDER"),
    *("EMAIL_URL", "ALERT_RECIPIENTS", "ALERT_LANGUAGE", "ALERT_FAILED_SHARE", "OLDEST_NEW"),
    *("BAN_AFTER", "BAN_WINDOW", "BAN_DURATION", "BAN_EXEMPT_NETWORKS"),
    *("RATE_QUEUE", "RATE_BULK", "RATE_BULK_ITEMS", "RATE_TRIGGER", "RATE_READ"),
    *("STUCK_AFTER", "IDEMPOTENCY_KEEP"),
    *("DATABASE_CONNECTION_TIMEOUT", "DATABASE_QUERY_TIMEOUT"),
):
    os.environ.pop(name, None)

import django
import hypothesis
import pytest

django.setup()

from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.db import connections
from django.test import Client
from pytest_django import Settings
from redis.exceptions import RedisError

from queueapi.tests.helpers import Api, Serve, Server, SignIn, reset_log_filters
from security.models import ApiKey
from security.models.api_keys import touched
from security.models.failed_attempts import attempt_budget
from security.tests.helpers import invalidate_caches
from security.throttling import ClientRateThrottle

# A fast hasher for the tests themselves; servers that they start have only Django's own.
django_settings.PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    *django_settings.PASSWORD_HASHERS,
]

# The same examples in each run, which may take any time on a busy machine.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

pytest_plugins = [
    "queueapi.tests.browser_fixtures",
    "queueapi.tests.orchestrator_fixtures",
    "queueapi.tests.redis_server",
    "queueapi.tests.scheduler_fixtures",
]


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers per core: many tests wait for a server or for a browser."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep an SQLite test database in a file, so that threads and other processes can share it."""
    database = connections["default"]
    if database.vendor == "sqlite":
        file = tmp_path_factory.mktemp("database") / "test.sqlite3"
        database.settings_dict["TEST"]["NAME"] = str(file)


@pytest.fixture(autouse=True)
def reset_caches() -> None:
    """Begin each test with empty counters and caches."""
    for cache in caches.all():
        cache.clear()
    invalidate_caches()
    touched.clear()
    attempt_budget.left = attempt_budget.burst
    ClientRateThrottle.retry_at = 0.0
    reset_log_filters()


@pytest.fixture
def unreachable_cache(settings: Settings) -> None:
    """Set a Redis as the cache, on a port on which nothing listens."""
    url = "redis://127.0.0.1:1"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url},
        "counters": {"BACKEND": "security.counters.RedisCounters", "LOCATION": url},
    }
    settings.CACHE_ERRORS = (OSError, RedisError)


@pytest.fixture
def serve(transactional_db: None, tmp_path: Path) -> Iterator[Serve]:
    """Start servers on the test database, and kill them after the test."""
    numbers = count()
    with ExitStack() as servers:

        def start(*arguments: str, **environment: str) -> Server:
            log = tmp_path / f"server{next(numbers)}.log"
            return servers.enter_context(Server(log, *arguments, **environment))

        yield start


@pytest.fixture(scope="module")
def shared_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Start one server on the test database, for tests that leave nothing behind in it."""
    with Server(tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def https_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("https") / "log", HTTPS="on") as server:
        yield server


@pytest.fixture
def sign_in(db: None, client: Client) -> SignIn:
    """Sign the client in as a new user of a role, or as a superuser, and return the client."""

    def sign_in(role: str = "", username: str = "anna") -> Client:
        user = User.objects.create_user(username, is_staff=True, is_superuser=not role)
        if role:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def api(db: None) -> Api:
    """Return a client of the API with an active key."""
    _, key = ApiKey.objects.issue("ERP", lifetime=None)
    return Api(Client(raise_request_exception=False), key)
