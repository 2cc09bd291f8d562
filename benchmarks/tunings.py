"""What each tuning gives: Queue API as it is, and with one thing at a time done the plain way.

And what others would give that were left, since they cost more in clarity than they are worth.
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
from benchmarks.place import Place
from benchmarks.processes import Worker

AS_IT_IS = "as it is"

# By title, what a worker calls before it makes the application.
CHANGES: dict[str, Callable[[], None]] = {}


def change(title: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    return lambda function: CHANGES.setdefault(title, function)


def loaded(name: str) -> Any:
    """A module of the project, which can be imported once Django is set up."""
    import_module("queueapi.wsgi")
    return import_module(name)


def replace_middleware(by: dict[str, str]) -> None:
    settings.MIDDLEWARE = [by.get(name.rpartition(".")[2], name) for name in settings.MIDDLEWARE]


# The plain ways.


@change("keys, bans and failures asked for in each request")
def remember_nothing() -> None:
    loaded("security.cache").MAX_AGE = 0


@change("a serializer made for each request")
def serializer_each_time() -> None:
    serializer = loaded("queues.serializers").QueueItemSerializer

    class Fresh:
        def run_validation(self, data: Any) -> Any:
            return serializer().run_validation(data)

    loaded("queues.views").QueueItemViewSet.serializer = Fresh()


@change("sessions, users, messages and languages in the API's way too")
def middleware_for_people() -> None:
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


@change("content negotiation, and all of DRF's parsers and renderers")
def negotiate() -> None:
    for name in ("CONTENT_NEGOTIATION_CLASS", "PARSER_CLASSES", "RENDERER_CLASSES"):
        settings.REST_FRAMEWORK.pop(f"DEFAULT_{name}")


@change("addresses found and parsed by each who asks")
def address_each_time() -> None:
    address = loaded("security.client_ip")
    address._parse = address._parse.__wrapped__
    loaded("security.models.bans").ban_network = address.ban_network.__wrapped__
    address.client_ip_from_environ = loaded("security.request_id").client_ip_from_environ = (
        address._find
    )


@change("Model.save() instead of the INSERT alone")
def save() -> None:
    def insert(queryset: Any, item: Any) -> None:
        item.save(force_insert=True, using=queryset.db)

    loaded("queues.models").QueueItemQuerySet._insert_without_nulls = insert


@change("a new connection to the database for each request")
def connect_each_time() -> None:
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 0


@change("ATOMIC_REQUESTS")
def atomic_requests() -> None:
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True


@change("SQLite's synchronous=FULL")
def synchronous() -> None:
    settings.DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL"


# What was left.


@change("left: a counter of our own instead of django-ratelimit")
def own_counter() -> None:
    counts: Counter[Any] = Counter()

    def get_usage(request: Any, group: str, key: Any, rate: str, increment: bool) -> Any:
        minute, second = divmod(int(time.time()), 60)
        counts[group, key(), minute] += 1
        count = counts[group, key(), minute]
        return {"count": count, "limit": 10**8, "should_limit": False, "time_left": 60 - second}

    loaded("security.throttling").get_usage = get_usage


@change("left: the admin's four middleware not in the list at all")
def no_middleware_for_people() -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if ".Admin" not in name]


def tunings(place: Place, effort: Effort) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        workers = {AS_IT_IS: stack.enter_context(Worker(OURS, place.database("tunings")))}
        for title, function in CHANGES.items():
            database = place.database(f"tunings {function.__name__}")
            first = f"benchmarks.tunings:{function.__name__}"
            workers[title] = stack.enter_context(Worker(OURS, database, first=first))
        for worker in workers.values():
            worker.measure(place.push, effort.calls)
        for number, (title, worker) in in_turn(list(workers.items()), effort.rounds):
            cost = worker.measure(place.push, effort.calls)
            figures.add(title, **cost)
            say(f"Tunings, round {number} of {effort.rounds}: {title}, {cost['cpu']:.0f} µs")
    return figures
