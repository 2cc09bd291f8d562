"""Measure Queue API with one tuning at a time removed, and with tunings that were rejected.

The rejected ones would make the code less clear than their gain is worth.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from django.conf import settings

from benchmarks.candidates import OURS
from benchmarks.comparison import Effort
from benchmarks.figures import Figures, in_turn, say
from benchmarks.processes import Worker
from benchmarks.workspace import Workspace

BASELINE = OURS.name

# By title, a function that a worker calls before it imports the application.
CHANGES: dict[str, Callable[[], None]] = {}


def change(title: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    return lambda function: CHANGES.setdefault(title, function)


def load(name: str) -> Any:
    """Import a module of the project, after `django.setup()`."""
    import_module("queueapi.wsgi")
    return import_module(name)


def replace_middleware(by: dict[str, str]) -> None:
    settings.MIDDLEWARE = [by.get(name.rpartition(".")[2], name) for name in settings.MIDDLEWARE]


# Without one tuning


@change("query keys, bans and failed attempts in each request")
def disable_cache() -> None:
    load("security.cache").MAX_AGE = 0


@change("instantiate a serializer in each request")
def serializer_per_request() -> None:
    serializer = load("queues.serializers").QueueItemSerializer

    class Fresh:
        def run_validation(self, data: Any) -> Any:
            return serializer().run_validation(data)

    load("queues.views").QueueItemViewSet.serializers["create"] = Fresh()


@change("run session, auth, message and locale middleware for the API too")
def middleware_for_all() -> None:
    replace_middleware(
        {
            "AdminLocaleMiddleware": "django.middleware.locale.LocaleMiddleware",
            "AdminSessionMiddleware": "django.contrib.sessions.middleware.SessionMiddleware",
            "AdminAuthenticationMiddleware": (
                "django.contrib.auth.middleware.AuthenticationMiddleware"
            ),
            "AdminMessageMiddleware": "django.contrib.messages.middleware.MessageMiddleware",
        }
    )


@change("DRF's content negotiation, parsers and renderers")
def drf_defaults() -> None:
    for name in ("CONTENT_NEGOTIATION_CLASS", "PARSER_CLASSES", "RENDERER_CLASSES"):
        settings.REST_FRAMEWORK.pop(f"DEFAULT_{name}")


@change("parse the client IP at each use")
def parse_per_use() -> None:
    client_ip = load("security.client_ip")
    client_ip._parse = client_ip._parse.__wrapped__
    load("security.models.bans").ban_network = client_ip.ban_network.__wrapped__
    for name in ("middleware", "permissions", "request_id"):
        load(f"security.{name}").get_client_ip = lambda request: client_ip._find(request.META)


@change("Model.save() instead of a bare INSERT")
def save() -> None:
    def insert(queryset: Any, items: Any) -> None:
        for item in items:
            item.save(force_insert=True, using=queryset.db)

    load("queues.models").QueueItemQuerySet._insert_without_nulls = insert


@change("connect to the database in each request")
def connection_per_request() -> None:
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 0


@change("ATOMIC_REQUESTS")
def atomic_requests() -> None:
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True


@change("SQLite's synchronous=FULL")
def synchronous_full() -> None:
    settings.DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL"


# Rejected


@change("rejected: own counter instead of django-ratelimit")
def own_counter() -> None:
    counts: Counter[Any] = Counter()

    def get_usage(request: Any, group: str, key: Any, rate: str, increment: bool) -> Any:
        minute, second = divmod(int(time.time()), 60)
        counts[group, key(), minute] += 1
        count = counts[group, key(), minute]
        return {"count": count, "limit": 10**8, "should_limit": False, "time_left": 60 - second}

    load("security.throttling").get_usage = get_usage


@change("rejected: MIDDLEWARE without the admin's four")
def short_middleware() -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if ".Admin" not in name]


def tunings(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        workers = {BASELINE: stack.enter_context(Worker(OURS, workspace.database("tunings")))}
        for title, function in CHANGES.items():
            database = workspace.database(f"tunings {function.__name__}")
            setup = f"benchmarks.tunings:{function.__name__}"
            workers[title] = stack.enter_context(Worker(OURS, database, setup=setup))
        for worker in workers.values():
            worker.measure(workspace.push, effort.calls)
        for number, (title, worker) in in_turn(list(workers.items()), effort.rounds):
            cost = worker.measure(workspace.push, effort.calls)
            figures.add(title, **cost)
            say(f"Tunings, round {number} of {effort.rounds}: {title}, {cost['cpu']:.0f} µs")
    return figures
