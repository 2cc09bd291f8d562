"""Fixtures that open pages in a real browser: the system's Chromium.

Without one, the tests that use them are skipped.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from queueapi.tests.helpers import TIMEOUT, Serve, Server

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
# Has no window, and needs half the time of a processor for a page; it stores no profile.
SHELL = shutil.which("chromium-headless-shell") or EXECUTABLE
LAUNCH: dict[str, Any] = {
    "executable_path": EXECUTABLE,
    "args": ["--no-sandbox", "--disable-gpu"],
    "timeout": TIMEOUT * 1000,
}

expect.set_options(timeout=TIMEOUT * 1000)


class OpenPage(Protocol):
    """Open a page in a new context with these options of Playwright's."""

    def __call__(self, **options: Any) -> Page: ...


def sign_in(page: Page, base_url: str) -> None:
    """Sign in as a superuser, without the form."""
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    name = settings.SESSION_COOKIE_NAME
    cookie = client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": cookie, "url": base_url}])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(
                pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium on this machine")
            )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH | {"executable_path": SHELL})
        yield browser
        browser.close()


@pytest.fixture
def base_url(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a server."""
    # Playwright keeps an event loop in this thread, which Django would take for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return f"http://127.0.0.1:{serve().port}"


@pytest.fixture
def shared_base_url(
    shared_server: Server, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return the URL of a server that all tests of a module share.

    For tests that save nothing in the admin: the server would keep ids of content types, which are
    others in the next test.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    return f"http://127.0.0.1:{shared_server.port}"


@pytest.fixture
def open_page(browser: Browser, base_url: str) -> Iterator[OpenPage]:
    """Open pages, each in its own context, until the end of the test."""
    with ExitStack() as contexts:

        def open_page(**options: Any) -> Page:
            context = browser.new_context(**{"base_url": base_url, "locale": "en-GB", **options})
            contexts.callback(context.close)
            context.set_default_timeout(TIMEOUT * 1000)
            return context.new_page()

        yield open_page
