"""The back office in a real browser: a day's work, and whether everybody can use it.

The browser is Chromium as the system has it; without one these tests are skipped.
"""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from queueapi.tests.helpers import Serve
from queues.models import QueueItem
from queues.tests.helpers import failed, item, page_of
from security.models import ApiKey, BannedIP, FailedAttempt
from triggers.models import Trigger
from triggers.tests.helpers import page_of as trigger_page_of
from triggers.tests.helpers import scheduled, single

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
PASSWORD = "correct horse battery"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def base(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server with a superuser."""
    # Playwright keeps an event loop in this thread, which Django would take for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    User.objects.create_superuser("anna", password=PASSWORD)
    return f"http://127.0.0.1:{serve().port}"


@pytest.fixture
def page(browser: Browser, base: str) -> Iterator[Page]:
    """A page of somebody who is signed in; whatever its console complains of fails the test."""
    context = browser.new_context(base_url=base, locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page)
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def choose(page: Page, action: str) -> None:
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def test_a_day(page: Page) -> None:
    row = failed(reference="INV-1")
    trigger = single(trigger_name="Year-end report")
    BannedIP.objects.ban("203.0.113.9", timedelta(hours=1), "5 failed attempts")

    # A failed item, from the front page.
    page.goto("/admin/")
    page.get_by_role("link", name="Invoices INV-1").click()
    expect(page.get_by_role("heading", name="Invoices INV-1")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("1 queue item")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeue: 1 row.")).to_be_visible()

    # A trigger, by one click.
    page.goto("/admin/triggers/trigger/")
    page.get_by_role("button", name="Pause Year-end report").click()
    expect(page.get_by_text("Pause: 1 row.")).to_be_visible()

    # A key.
    page.goto("/admin/security/apikey/")
    page.get_by_role("link", name="Add API key").click()
    page.get_by_label("Client").fill("ERP")
    page.get_by_role("button", name="Issue").click()
    plaintext = page.locator("#plaintext").inner_text()
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_text(plaintext[:8])).to_be_visible()
    expect(page.get_by_text(plaintext)).to_have_count(0)

    # A ban.
    page.goto("/admin/security/bannedip/")
    page.get_by_label("Select this object for an action - 203.0.113.9").check()
    choose(page, "Lift the selected bans")
    expect(page.get_by_text("1 ban lifted.")).to_be_visible()

    # And all of it in the log.
    page.goto("/admin/admin/logentry/")
    log = page.locator("#result_list")
    for text in (
        *("status: FAILED → NEW", "status: IDLE → PAUSED", "Issued, it expires", "lifted by"),
    ):
        expect(log).to_contain_text(text)

    assert QueueItem.objects.get(pk=row.pk).status == QueueItem.Status.NEW
    assert Trigger.objects.get(pk=trigger.pk).process_status == Trigger.Status.PAUSED
    assert ApiKey.objects.with_secret(plaintext).client == "ERP"
    assert not BannedIP.objects.active().exists()


def test_all_that_match_are_selected_without_their_number(page: Page) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(120))
    page.goto("/admin/queues/queueitem/")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Select all that match").click()
    expect(page.get_by_text("All that match are selected")).to_be_visible()
    choose(page, "Requeue")
    expect(page.get_by_text("120 queue items")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeue: 120 rows.")).to_be_visible()


def test_no_take_me_back_leads_back(page: Page) -> None:
    failed()
    page.goto("/admin/queues/queueitem/?status__exact=FAILED")
    page.locator("#action-toggle").check()
    choose(page, "Abandon")
    page.get_by_role("link", name="No, take me back").click()
    expect(page).to_have_url(re.compile(r"queueitem/\?status__exact=FAILED$"))


def test_an_item_that_a_robot_took_is_not_overwritten(page: Page) -> None:
    row = item()
    page.goto(page_of(row))
    page.get_by_label("Status").select_option("DONE")
    QueueItem.objects.update(status="IN_PROGRESS")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("It is now: In progress")).to_be_visible()
    assert QueueItem.objects.get().status == "IN_PROGRESS"


def test_saving_an_untouched_page_changes_nothing(page: Page) -> None:
    item(data="\na\nb ", message=" x\r\ny", reference="two\nlines")
    before = QueueItem.objects.values().get()
    page.goto(page_of(QueueItem.objects.get()))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert QueueItem.objects.values().get() == before


def test_a_trigger_keeps_its_times_and_machines_when_saved_untouched(page: Page) -> None:
    trigger = scheduled(scheduler_whitelist='["A", "B"]', process_args="a\nb")
    before = type(trigger).objects.values().get()
    page.goto(trigger_page_of(trigger))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert type(trigger).objects.values().get() == before


def test_the_filters_by_time_send_what_is_typed(page: Page) -> None:
    item(reference="old", created_date=timezone.datetime(2026, 3, 1, 12))
    item(reference="new")
    page.goto("/admin/queues/queueitem/?status__exact=NEW")
    created = page.locator("form.between").first
    created.get_by_label("To").fill("2026-03-01T12:00")
    created.get_by_role("button", name="Filter").click()
    expect(page.locator("#result_list")).to_contain_text("old")
    expect(page.locator("#result_list")).not_to_contain_text("new")
    expect(page).to_have_url(re.compile("status__exact=NEW"))


def test_an_item_is_requeued_by_keyboard(page: Page) -> None:
    failed(reference="INV-1")
    page.goto("/admin/")
    page.get_by_role("link", name="Invoices INV-1").focus()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Requeue")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 queue item")).to_be_visible()
    page.get_by_role("button", name="Requeue").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Requeue: 1 row.")).to_be_visible()


def test_it_speaks_the_language_of_the_browser(browser: Browser, base: str) -> None:
    context = browser.new_context(base_url=base, locale="da-DK")
    page = context.new_page()
    page.goto("/admin/")
    expect(page.get_by_label("Brugernavn")).to_be_visible()
    context.close()


# Whether everybody can use it.


@pytest.fixture
def addresses(base: str) -> dict[str, str]:
    """The pages that people use most, with something on each."""
    row = failed(reference="INV-1", data='{"a": 1}')
    item(status=QueueItem.Status.IN_PROGRESS, created_date=timezone.now() - timedelta(hours=3))
    trigger = scheduled(process_status=Trigger.Status.PAUSED, scheduler_whitelist='["A"]')
    single(process_status=Trigger.Status.FAILED)
    return {
        "front page": "/admin/",
        "items": "/admin/queues/queueitem/",
        "item": page_of(row),
        "triggers": "/admin/triggers/trigger/",
        "trigger": trigger_page_of(trigger),
    }


def open_signed_in(browser: Browser, base: str, **options) -> tuple[BrowserContext, Page]:
    # axe puts styles into the page, which our policy would refuse.
    context = browser.new_context(base_url=base, locale="en-GB", bypass_csp=True, **options)
    page = context.new_page()
    sign_in(page)
    return context, page


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [
        f"{each['id']}: {node['html']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


OTHER_SITE = """
<form method="post" target="frame" action="{base}/admin/login/">
<input name="username" value="anna"><input name="password" value="wrong"></form>
<iframe name="frame"></iframe>
<script>
(async () => {{
  for (let i = 0; i < 6; i++) {{
    await new Promise((done) => {{
      const image = new Image();
      image.onload = image.onerror = done;
      image.src = "{base}/api/queue?" + i;
    }});
    const body = {{method: "POST", body: "{{}}"}};
    await fetch("{base}/api/queue", body).catch(() => 0);
    await fetch("{base}/api/queue", {{...body, headers: {{"X-API-Key": "guess"}}}}).catch(() => 0);
    const frame = document.querySelector("iframe");
    await new Promise((done) => {{
      frame.onload = done;
      document.forms[0].submit();
    }});
  }}
  document.title = "done";
}})();
</script>
"""


def test_a_page_of_another_site_gets_its_reader_not_banned(browser: Browser, base: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_content(OTHER_SITE.format(base=base))
    expect(page).to_have_title("done")
    context.close()
    assert not FailedAttempt.objects.exists()
    assert not BannedIP.objects.exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_passes_axe(browser: Browser, base: str, addresses: dict[str, str], scheme: str) -> None:
    context, page = open_signed_in(browser, base, color_scheme=scheme)
    found = {}
    for name, address in addresses.items():
        page.goto(address)
        found[name] = violations(page)
    context.close()
    assert not any(found.values()), found


def test_the_login_page_passes_axe(browser: Browser, base: str) -> None:
    context = browser.new_context(base_url=base, bypass_csp=True)
    page = context.new_page()
    page.goto("/admin/login/")
    found = violations(page)
    context.close()
    assert found == []


def test_nothing_is_wider_than_a_phone(
    browser: Browser, base: str, addresses: dict[str, str]
) -> None:
    context, page = open_signed_in(browser, base, viewport={"width": 390, "height": 844})
    widths = {}
    for name, address in addresses.items():
        page.goto(address)
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert widths == dict.fromkeys(addresses, 390)
