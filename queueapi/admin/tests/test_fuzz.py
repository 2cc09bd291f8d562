"""Odd values for each parameter that the admin's pages know: no page may fail.

The suite sends 500 requests. `ADMIN_FUZZ=10000:7` sends more and others: a number of requests
and a seed.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus, urljoin
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.test import Client
from pytest_django import Settings

from queueapi.admin import audit
from queueapi.tests.helpers import Api, ClientResponse, Forms, SignIn
from queues.tests.helpers import failed, item
from security.models import BannedIP
from security.tests.helpers import wrong
from triggers.tests.helpers import queue, scheduled, single

REQUESTS, SEED = map(int, os.environ.get("ADMIN_FUZZ", "500:1").split(":"))

# Quoted for a URL.
ODD = [
    *map(quote, ["", "0", "-1", "7", "9" * 21, f"{2**31}", f"{2**63}", f"{2**64}", "1e999", "NaN"]),
    *map(quote, ["x", "x" * 1000, "\0", "\n", "x\r\ny: z", "é🙂", "٣", "'", '"><b>', "{}", "%s"]),
    *map(quote, ["1,2", "1,x", ",", "0,99999999999", "True", "None", "-", ".", "..", "1.-2.99"]),
    *map(quote, ["0000-01-01", "0001-01-01", "9999-12-31", "99999-01-01", "2026-02-30", "10:00"]),
    *map(quote, ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01,2026-02-01", "10:00,x"]),
    *map(quote, ["5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a11", "/admin/", "//x/", "http://[", "a b c"]),
    *("%", "%0A", "%zz", "%ff", "%ED%A0%80", "%2525", "_5F", "%00,%00"),
]
LOOKUPS = [
    *("", "exact", "iexact", "contains", "icontains", "in", "gt", "gte", "lt", "lte", "range"),
    *("startswith", "endswith", "isnull", "regex", "date", "date__gte", "year", "year__gte"),
    *("year__in", "iso_year", "month", "day", "week", "week_day", "quarter", "time", "hour"),
    *("hour__range", "second", "pk", "x", "_"),
]
IN_URLS = [
    *("o", "p", "q", "e", "in", "rows", "all", "next", "chart", "app_label", "model_name"),
    *("field_name", "term"),
    *("page", "_facets", "_to_field", "_popup", "_changelist_filters", "groups", "permissions"),
    *("like", "role", "queue_name", "ended_from", "ended_to"),
]
IN_FORMS = [
    *("action", "_selected_action", "select_across", "index", "selection", "back", "shown"),
    *("_save", "_continue", "_addanother", "_saveasnew", "_to_field", "_popup", "post", "once"),
    *(
        "next",
        "username",
        "password",
        "groups",
        "user_permissions",
        "permissions",
        "usable_password",
    ),
    *("unset-password", "confirmed", "role", "queue_name", "data"),
]


def routes(patterns: list[Any], prefix: str = "/admin/") -> Iterator[tuple[str, Any]]:
    """Yield each route below this prefix, with the `ModelAdmin` of its page or `None`."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern).strip("^$")
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, getattr(pattern.callback, "model_admin", None)


class Fuzz:
    """Yield requests and their responses."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.session = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.random = Random(SEED)  # noqa: S311  no secret
        self.routes = list(routes(admin.site.urls[0]))
        self.pks = {
            model: [quote(f"{row.pk}") for row in model._base_manager.order_by("pk")[:3]]
            for model in admin.site._registry
        }
        self.forms: dict[str, list[tuple[str, dict[str, str]]]] = {}

    def __iter__(self) -> Iterator[tuple[tuple[str, str, str], ClientResponse]]:
        lists = [route.count("/") == 4 and page is not None for route, page in self.routes]
        weights = [5 if is_list else 1 for is_list in lists]
        for _ in range(REQUESTS):
            [(route, page)] = self.random.choices(self.routes, weights)
            method = self.random.choice(["GET", "GET", "GET", "POST", "POST", "POST", "PUT"])
            url, body = self.url(route, page), ""
            query = self.odd(self.filters(page)) if self.random.random() < 0.6 else []
            if method == "POST":
                url, body = self.form(url, page)
            request = (method, f"{url}?{join(query)}", body)
            yield request, self.send(*request)

    def url(self, route: str, page: admin.ModelAdmin | None) -> str:
        def argument(match: re.Match[str]) -> str:
            if match["choices"]:
                return str(self.random.choice(match["choices"].split("|")))
            if match["name"] == "name":
                return self.random.choice(["pause", "resume", "set_idle", "kill", "x"])
            return self.pk(page)

        parameter = r"\(\?P<\w+>(?P<choices>[^)]*)\)|<(?:\w+:)?(?P<name>\w+)>"
        return re.sub(parameter, argument, route)

    def pk(self, page: admin.ModelAdmin | None) -> str:
        """Return a primary key, mostly of a row."""
        pks = self.pks[page.model if page else self.random.choice(list(self.pks))]
        return self.random.choice(pks if self.random.random() < 0.8 else ODD)

    def odd(self, names: list[str]) -> list[tuple[str, str]]:
        """Return odd values for some of these names, sometimes two for one."""
        chosen = self.random.choices(names, k=self.random.choice([1, 1, 1, 2, 4]))
        return [(quote_plus(name), self.random.choice(ODD)) for name in chosen]

    def filters(self, page: admin.ModelAdmin | None) -> list[str]:
        names = [self.random.choice(IN_URLS)]
        if page is not None:
            own = [getattr(each, "parameter_name", "") for each in page.list_filter]
            names += [f"{name}{end}" for name in own if name for end in ("", "_from", "_to")]
            names += [self.lookup(page.model) for _ in range(6)]
        return names

    def lookup(self, model: type[models.Model]) -> str:
        """Return a filter that no page offers, sometimes by fields of other tables."""
        field = self.random.choice(model._meta.get_fields())
        if field.related_model and self.random.random() < 0.5:
            return f"{field.name}__{self.lookup(field.related_model)}"
        return f"{field.name}__{self.random.choice(LOOKUPS)}".removesuffix("__")

    def form(self, url: str, page: admin.ModelAdmin | None) -> tuple[str, str]:
        """Return the URL and the body of a form of this page, with odd values in some fields."""
        if url not in self.forms:
            self.forms[url] = []
            self.send("GET", url)
        target, form = self.random.choice(self.forms[url] or [(url, {})])
        fields = {quote_plus(name): quote_plus(value) for name, value in form.items()}
        if page is not None and page.actions and self.random.random() < 0.5:
            names = [str(getattr(action, "__name__", action)) for action in page.actions]
            fields |= {"action": self.random.choice(names), "_selected_action": self.pk(page)}
        if self.random.random() < 0.2:
            return target, join(fields.items())
        # Of a field that is sent twice, the last counts.
        odd = self.odd([*form, *form, *self.random.sample(IN_FORMS, 4)])
        return target, join([*fields.items(), *odd])

    def send(self, method: str, url: str, body: str = "") -> ClientResponse:
        """Send it as the superuser, and roll its changes back."""
        self.client.cookies.clear()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = self.session
        path, _, query = url.partition("?")
        with transaction.atomic():
            response = self.client.generic(
                *(method, path, body, "application/x-www-form-urlencoded"), QUERY_STRING=query
            )
            content = response.getvalue()  # of a file too, which is made while it is sent
            transaction.set_rollback(True)
        if response.status_code == 200 and path in self.forms and method != "PUT":
            # Also of the confirmation page of an action.
            self.forms[path] = [
                (urljoin(path, attrs.get("action", "")).partition("?")[0], fields)
                for attrs, fields in Forms(content.decode()).forms
                if attrs.get("id") != "logout-form"
            ]
        return response


def join(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


@pytest.fixture
def rows(api: Api, settings: Settings) -> None:
    """Create rows of each model."""
    settings.BAN_EXEMPT_NETWORKS = ["127.0.0.1"]
    makers = [item, failed, single, scheduled, queue]
    for row in [make(pk=UUID(int=number)) for number, make in enumerate(makers)]:
        audit.record(User.objects.create_user(f"user{row.pk}").pk, 2, [(row, "x")])
    Group.objects.create(name="Others")
    BannedIP.objects.ban("203.0.113.9", settings.BAN_DURATION, "x")
    wrong(api, 2)


@pytest.fixture
def log_of_errors_only() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.usefixtures("rows", "log_of_errors_only")
def test_no_request_fails(sign_in: SignIn, client: Client) -> None:
    client.raise_request_exception = False
    sign_in()
    codes = [(request, response.status_code) for request, response in Fuzz(client)]
    assert [request for request, code in codes if code >= 500] == []
    # Most requests reach a page.
    assert sum(code == 200 for _, code in codes) > REQUESTS / 3
