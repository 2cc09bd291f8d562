"""Items, failures and the chart in a real browser."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from queueapi.tests.browser_fixtures import OpenPage, sign_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, failed


@pytest.fixture
def page(open_page: OpenPage, base_url: str) -> Iterator[Page]:
    """Open a page as a superuser; an error in its console fails the test."""
    page = open_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, base_url)
    yield page
    assert errors == []


def test_a_message_is_whole_on_hover_and_on_focus(page: Page) -> None:
    failed(message="The ERP did not respond to the request for the order within a minute. " * 3)
    page.goto(LIST)
    cell, line = page.locator(".cut"), page.get_by_text("The ERP")
    expect(line).to_have_css("white-space", "nowrap")
    line.hover()
    expect(line).to_have_css("white-space", "pre-wrap")
    # The pointer may move over all of it, and Escape closes it.
    box = line.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
    expect(line).to_have_css("white-space", "pre-wrap")
    page.keyboard.press("Escape")
    expect(line).to_have_css("white-space", "nowrap")
    page.mouse.move(0, 0)
    cell.focus()
    expect(line).to_have_css("white-space", "pre-wrap")
    page.keyboard.press("Tab")
    expect(line).to_have_css("white-space", "nowrap")
    # The table is not wider than its room.
    width = "document.querySelector('{}').clientWidth"
    assert page.evaluate(width.format("#result_list")) <= page.evaluate(width.format(".results"))


def test_a_bar_leads_to_its_items_and_a_group_is_requeued(page: Page) -> None:
    failed(message="No order 1"), failed(message="No order 22")
    failed(message="Timeout", end_date=timezone.now() - timedelta(days=2))
    page.goto("/admin/")
    page.get_by_label(re.compile("Failed 2$")).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Failures").click()
    page.get_by_role("button", name="Requeue (2): No order #").click()
    expect(page.get_by_text("2 queue items")).to_be_visible()
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_text("Requeue: 2 rows.")).to_be_visible()
    expect(page.get_by_text("Nothing failed in this time.")).to_be_visible()
    assert QueueItem.objects.filter(status="NEW").count() == 2
