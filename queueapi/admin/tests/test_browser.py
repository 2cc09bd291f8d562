"""The admin in a real browser: common work."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from queueapi.tests.browser_fixtures import OpenPage, sign_in
from queues.models import QueueItem
from queues.tests.helpers import change_url, failed, item
from security.models import ApiKey, BannedIP, FailedAttempt
from security.models import Client as ApiClient
from triggers.models import Trigger
from triggers.tests.helpers import change_url as trigger_change_url
from triggers.tests.helpers import scheduled, single

PASSWORD = "correct horse battery"


@pytest.fixture
def page(open_page: OpenPage, base_url: str) -> Iterator[Page]:
    """Open a page as a superuser; an error in its console fails the test."""
    page = open_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type != "log" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, base_url)
    yield page
    assert errors == []


def choose(page: Page, action: str) -> None:
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()


def test_a_user_signs_in(page: Page) -> None:
    password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    User.objects.update(username="bo", password=password)
    page.context.clear_cookies()
    page.goto("/admin/")
    page.get_by_label("Username").fill("bo")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_common_work_is_done_and_logged(page: Page) -> None:
    row = failed(reference="INV-1")
    trigger = single(trigger_name="Year-end report")
    BannedIP.objects.ban("203.0.113.9", timedelta(hours=1), "5 failed attempts")

    # Requeue a failed item from the dashboard.
    page.goto("/admin/")
    page.get_by_role("link", name="Invoices INV-1").click()
    expect(page.get_by_role("heading", name="Invoices INV-1")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("1 queue item")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeue: 1 row.")).to_be_visible()

    # Pause a trigger.
    page.goto("/admin/triggers/trigger/")
    page.get_by_role("button", name="Pause Year-end report").click()
    expect(page.get_by_text("Pause: 1 row.")).to_be_visible()

    # Issue a key.
    page.goto("/admin/security/apikey/")
    page.get_by_role("link", name="Add API key").click()
    page.get_by_label("Client").fill("ERP")
    page.get_by_role("button", name="Issue").click()
    plaintext = page.locator("#plaintext").inner_text()
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_text(plaintext[:8])).to_be_visible()
    expect(page.get_by_text(plaintext)).to_have_count(0)

    # Lift a ban.
    page.goto("/admin/security/bannedip/")
    page.get_by_label("Select this object for an action - 203.0.113.9").check()
    choose(page, "Lift the selected bans")
    expect(page.get_by_text("1 ban lifted.")).to_be_visible()

    # The log has all of it.
    page.goto("/admin/admin/logentry/")
    log = page.locator("#result_list")
    for text in ("status: FAILED → NEW", "status: IDLE → PAUSED", "Issued", "lifted by"):
        expect(log).to_contain_text(text)

    assert QueueItem.objects.get(pk=row.pk).status == QueueItem.Status.NEW
    assert Trigger.objects.get(pk=trigger.pk).process_status == Trigger.Status.PAUSED
    key = ApiKey.with_secret(plaintext)
    assert key
    assert key.client.name == "ERP"
    assert not BannedIP.objects.active().exists()


def test_a_security_admin_limits_a_client_and_issues_a_key(page: Page) -> None:
    ApiKey.objects.issue("ERP", timedelta(days=365))
    User.objects.update(is_superuser=False)
    User.objects.get().groups.add(Group.objects.get(name="Security admins"))
    page.goto("/admin/")
    page.get_by_role("link", name="Clients", exact=True).click()
    page.get_by_role("link", name="ERP").click()
    page.get_by_label("May push queue items").uncheck()
    page.get_by_label("Queues").fill("Invoices\nHR-*")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.get_by_role("link", name="Issue a key").click()
    expect(page.get_by_label("Client")).to_have_value("ERP")
    page.get_by_role("button", name="Issue").click()
    plaintext = page.locator("#plaintext").inner_text()

    client = ApiClient.objects.get()
    assert (client.may_push, client.queues) == (False, "Invoices\nHR-*")
    key = ApiKey.with_secret(plaintext)
    assert key
    assert key.client == client


def test_all_matching_rows_are_selected(page: Page) -> None:
    QueueItem.objects.bulk_create(QueueItem(queue_name="q", status="FAILED") for _ in range(120))
    page.goto("/admin/queues/queueitem/")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Select all that match").click()
    expect(page.get_by_text("All that match are selected")).to_be_visible()
    choose(page, "Requeue")
    expect(page.get_by_text("120 queue items")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeue: 120 rows.")).to_be_visible()


def test_a_declined_confirmation_returns_to_the_filtered_list(page: Page) -> None:
    failed()
    page.goto("/admin/queues/queueitem/?status__exact=FAILED")
    page.locator("#action-toggle").check()
    choose(page, "Abandon")
    page.get_by_role("link", name="No, take me back").click()
    expect(page).to_have_url(re.compile(r"queueitem/\?status__exact=FAILED$"))


def test_an_item_that_a_robot_changed_is_not_overwritten(page: Page) -> None:
    row = item()
    page.goto(change_url(row))
    page.get_by_label("Status").select_option("DONE")
    QueueItem.objects.update(status="IN_PROGRESS")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("It is now: In progress")
    assert QueueItem.objects.get().status == "IN_PROGRESS"


def test_saving_an_untouched_page_changes_nothing(page: Page) -> None:
    item(data="\na\nb ", message=" x\r\ny", reference="two\nlines")
    before = QueueItem.objects.values().get()
    page.goto(change_url(QueueItem.objects.get()))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert QueueItem.objects.values().get() == before


def test_a_trigger_keeps_its_times_and_machines_when_saved_untouched(page: Page) -> None:
    trigger = scheduled(scheduler_whitelist='["A", "B"]', process_args="a\nb")
    before = type(trigger).objects.values().get()
    page.goto(trigger_change_url(trigger))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert type(trigger).objects.values().get() == before


def test_a_time_filter_keeps_the_other_filters(page: Page) -> None:
    item(reference="old", created_date=datetime(2026, 3, 1, 12))
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


def test_the_login_page_is_in_the_language_of_the_browser(open_page: OpenPage) -> None:
    page = open_page(locale="da-DK")
    page.goto("/admin/")
    expect(page.get_by_label("Brugernavn")).to_be_visible()


# Forms.


def test_errors_have_the_focus_and_lead_to_their_fields(page: Page) -> None:
    page.goto("/admin/queues/queueitem/add/")
    page.get_by_label("Data").fill("{typed")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^Error: "))
    summary = page.get_by_role("alert", name="There is a problem")
    expect(summary).to_be_focused()
    expect(page.get_by_text("Please correct the error")).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Queue")).to_be_focused()
    expect(page.get_by_label("Data")).to_have_value("{typed")


def test_the_stored_data_is_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = item(data='{"b":1,  "a":"\\u00e6 <b>"}\n')
    page.goto(change_url(row))
    page.get_by_role("button", name="Copy the data").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == row.data
    page.get_by_role("button", name="Copy the id").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()") == str(row.pk)


def test_a_key_is_selected_where_the_browser_copies_nothing(page: Page) -> None:
    page.add_init_script("delete Navigator.prototype.clipboard")  # as without HTTPS
    page.goto("/admin/security/apikey/add/")
    page.get_by_label("Client").fill("ERP")
    page.get_by_role("button", name="Issue").click()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("status").filter(has_text="Press Ctrl+C")).to_be_visible()
    selected = page.evaluate("getSelection().toString()")
    assert selected == page.locator("#plaintext").inner_text()


# Other sites.


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


def test_a_page_of_another_site_can_not_ban_its_reader(open_page: OpenPage, base_url: str) -> None:
    page = open_page(base_url=None)
    page.set_content(OTHER_SITE.format(base=base_url))
    expect(page).to_have_title("done")
    assert not FailedAttempt.objects.exists()
    assert not BannedIP.objects.exists()
