"""`/api/docs` in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from queueapi.tests.browser_fixtures import LAUNCH, OpenPage
from queueapi.tests.helpers import TIMEOUT
from queues.models import QueueItem
from queues.tests.helpers import item
from security.models import ApiKey, Client
from triggers.tests.helpers import single

COLLECT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`${event.violatedDirective} forbids ${event.blockedURI}`);
});
"""
OPERATIONS = {
    "queue_create": "201",
    "queue_list": "200",
    "queue_bulk_create": "201",
    "queue_retrieve": "200",
    "trigger_set_status": "200",
    "trigger_list": "200",
}


@pytest.fixture
def base_url(shared_base_url: str) -> str:
    return shared_base_url


@pytest.fixture
def key(transactional_db: None) -> str:
    _, plaintext = ApiKey.objects.issue("ERP", lifetime=None)
    Client.objects.get().limit(may_read=True)
    return plaintext


def watch(page: Page) -> list[str]:
    """Return the list to which messages of the console and violations of the policy are added."""
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.add_init_script(COLLECT_VIOLATIONS)
    return messages


def show(page: Page, operation: str) -> Locator:
    """Open the page and an operation on it, and return the operation."""
    page.goto("/api/docs")
    return expand(page, operation)


def expand(page: Page, operation: str) -> Locator:
    shown = page.locator(f".opblock[id$={operation}]")
    shown.locator(".opblock-summary-control").click()
    expect(shown.get_by_role("button", name="Execute")).to_be_visible()
    return shown


def authorize(page: Page, key: str) -> None:
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.get_by_label("Value:").fill(key)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close", exact=True).click()


def execute(operation: Locator, status: str) -> Locator:
    """Send the request; return the response that is shown, which has this status."""
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table .response")
    expect(response.locator(".response-col_status")).to_contain_text(status)
    return response


def test_a_caller_pushes_an_item(open_page: OpenPage, key: str) -> None:
    page = open_page()
    messages = watch(page)
    operation = show(page, "queue_create")
    authorize(page, key)
    operation.locator("textarea").fill('{"queue_name": "Invoices", "data": {"id": 7}}')
    response = execute(operation, "201")
    row = QueueItem.objects.get()
    expect(response).to_contain_text(str(row.pk))
    assert (row.queue_name, row.data) == ("Invoices", '{"id": 7}')
    assert messages == []


def test_a_wrong_key_gets_401(open_page: OpenPage, key: str) -> None:
    page = open_page()
    operation = show(page, "queue_create")
    authorize(page, "wrong")
    response = execute(operation, "401")
    expect(response).to_contain_text("A valid API key is needed in the X-API-Key header.")
    assert not QueueItem.objects.exists()


def test_the_key_is_gone_after_a_reload(open_page: OpenPage, key: str) -> None:
    page = open_page()
    operation = show(page, "queue_create")
    authorize(page, key)
    assert page.context.storage_state() == {"cookies": [], "origins": []}
    page.reload()
    execute(operation, "401")


def test_the_browser_does_not_store_the_key(
    browser: Browser, base_url: str, key: str, tmp_path: Path
) -> None:
    chromium = browser.browser_type
    with chromium.launch_persistent_context(tmp_path, base_url=base_url, **LAUNCH) as profile:
        profile.set_default_timeout(TIMEOUT * 1000)
        page = profile.pages[0]
        operation = show(page, "queue_create")
        authorize(page, key)
        execute(operation, "201")
        page.goto("/api/schema")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert tmp_path / "Default" / "Web Data" in files  # texts that were typed into forms
    assert [file for file in files if key.encode() in file.read_bytes()] == []


def test_each_request_that_is_offered_succeeds(open_page: OpenPage, key: str) -> None:
    item(pk="0f8fad5b-d9cb-469f-a165-70867728950e")
    single(trigger_name="MyAutomationTrigger")
    page = open_page()
    page.goto("/api/docs")
    authorize(page, key)
    responses = {}
    for operation, status in OPERATIONS.items():
        responses[operation] = execute(expand(page, operation), status)
        expect(responses[operation]).to_contain_text('"success": true')
    # The item that was pushed just before.
    expect(responses["queue_list"]).to_contain_text('"reference": "ExternalRef-456"')


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_whole_page_is_shown_without_an_error_and_fits_a_phone(
    open_page: OpenPage, color_scheme: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, color_scheme=color_scheme)
    messages = watch(page)
    page.goto("/api/docs")
    for operation in OPERATIONS:
        expand(page, operation)
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
