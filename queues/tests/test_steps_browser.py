"""Actions on many queue items in a real browser."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from queueapi.admin import action_steps, selected_rows
from queueapi.tests.browser_fixtures import OpenPage
from queueapi.tests.helpers import SignIn
from queueapi.tests.test_accessibility import violations
from queues.models import QueueItem

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 300
FAILED = "/admin/queues/queueitem/?status__exact=FAILED"


@pytest.fixture(scope="module", autouse=True)
def allow_async_unsafe() -> Iterator[None]:
    """Let Django work in the thread of Playwright's event loop, until the database is flushed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture
def base_url(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a server in this process, which runs one batch in each step."""
    monkeypatch.setattr(selected_rows, "BATCH", 20)
    monkeypatch.setattr(action_steps, "STEP", 0)
    return live_server.url


@pytest.fixture
def confirmation(
    request: pytest.FixtureRequest, open_page: OpenPage, base_url: str, sign_in: SignIn
) -> Iterator[Page]:
    """Open the confirmation page for many failed items."""
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(ROWS))
    page = open_page(**getattr(request, "param", {}))
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type != "log" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    name = settings.SESSION_COOKIE_NAME
    cookie = sign_in().cookies[name].value
    page.context.add_cookies([{"name": name, "value": cookie, "url": base_url}])
    page.goto(FAILED)
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Select all that match").click()
    page.get_by_label("Action:").select_option(label="Requeue")
    page.get_by_role("button", name="Go").click()
    yield page
    assert errors == []


def test_a_long_action_runs_to_its_end(confirmation: Page) -> None:
    confirmation.get_by_role("button", name="Requeue").click()
    expect(confirmation.get_by_text(f"Requeue: {ROWS} rows.")).to_be_visible()
    assert confirmation.url.endswith(FAILED)
    assert QueueItem.objects.filter(status="NEW").count() == ROWS


def test_a_long_action_is_stopped(confirmation: Page) -> None:
    page = confirmation
    # The next step of the script gets no response.
    page.route(
        "**/queueitem/*",
        lambda route: None if route.request.resource_type == "fetch" else route.continue_(),
    )
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Requeue: 20 rows. Stopped; not changed: 280.")).to_be_visible()
    assert QueueItem.objects.filter(status="NEW").count() == 20


@pytest.mark.parametrize("confirmation", [{"bypass_csp": True}], indirect=True)
def test_a_long_action_goes_on_without_a_script_on_a_phone(confirmation: Page) -> None:
    page = confirmation
    page.route("**/steps.js", lambda route: route.fulfill(body=""))
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Requeue").click()
    for text in ("20 of 300 rows done", "280 of 300 rows left"):
        expect(page.get_by_text(text)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert violations(page) == []
        page.goto("/admin/queues/queueitem/")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("40 of 300 rows done")).to_be_visible()
