"""WCAG 2.2 AA on every page of the admin, by axe: in both languages, light and dark."""

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from queueapi.tests.admin_pages import create_rows
from queueapi.tests.browser_fixtures import OpenPage, sign_in

# `best-practice`: landmarks, headings, labels and tables.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL = {"runOnly": {"type": "tag", "values": RULES}}
# Colours and landmarks are the same in both languages, and only colours differ in the dark.
WCAG = {
    "runOnly": {"type": "tag", "values": RULES[:-1]},
    "rules": {"color-contrast": {"enabled": False}},
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RUNS: dict[str, dict[Any, Any]] = {
    "en-GB": {"light": ALL, "dark": COLOURS},
    "da-DK": {"light": WCAG},
}
RUN = """async ([scope, options]) => {
  await Promise.all(document.getAnimations().map(({finished}) => finished));
  const found = await axe.run(scope, {resultTypes: ["violations"], ...options});
  return found.violations.flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`));
}"""


def violations(page: Page, dark_scope: str = "main") -> list[str]:
    """Return what axe finds on the page, each as URL, colour scheme, rule and element."""
    page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, options in RUNS[page.evaluate("navigator.language")].items():
        page.emulate_media(color_scheme=scheme)
        scope = dark_scope if scheme == "dark" else "html"
        found += [f"{page.url} ({scheme}) {each}" for each in page.evaluate(RUN, [scope, options])]
    return found


@pytest.fixture
def page(open_page: OpenPage, language: str) -> Page:
    # axe puts styles into the page, which our policy would refuse.
    return open_page(bypass_csp=True, locale=language, reduced_motion="reduce")


# In two halves, so that no test goes on alone for long after all others.
@pytest.mark.slow
@pytest.mark.usefixtures("base_url", "scheduler_tables")  # in this order
@pytest.mark.parametrize("language", ["en-GB", "da-DK"])
@pytest.mark.parametrize("half", [0, 1])
def test_all_pages_pass_axe(page: Page, base_url: str, half: int) -> None:
    urls = create_rows()
    sign_in(page, base_url)
    found = []
    for url in urls[half::2]:
        page.goto(url)
        found += violations(page)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.usefixtures("base_url", "scheduler_tables")
@pytest.mark.parametrize("language", ["en-GB", "da-DK"])
def test_forms_dialogs_and_messages_pass_axe(page: Page, base_url: str) -> None:
    create_rows()
    page.goto("/admin/login/")
    found = violations(page)
    sign_in(page, base_url)
    # The questions of the session.
    page.goto("/admin/queues/queueitem/add/")
    for dialog in page.locator("dialog").all():
        dialog.evaluate("each => each.showModal()")
        found += violations(page, dark_scope="html")
        dialog.evaluate("each => each.close()")
    # A refused form.
    page.goto("/admin/queues/queueitem/add/")
    page.locator("[name=_save]").click()
    page.locator(".errorlist").wait_for()
    found += violations(page)
    # The confirmation page of an action, and its message.
    page.goto("/admin/triggers/trigger/")
    page.locator("#action-toggle").check()
    page.locator(".actions select").select_option("pause")
    page.locator(".actions button").click()
    page.locator("[name=selection]").wait_for(state="attached")
    found += violations(page)
    page.locator(".submit-row input.default").click()
    page.locator(".messagelist").wait_for()
    found += violations(page)
    # A new key.
    page.goto("/admin/security/apikey/add/")
    page.locator("[name=client]").fill("ERP")
    page.locator(".submit-row input.default").click()
    page.locator("#plaintext").wait_for()
    found += violations(page)
    page.locator("#logout-form button").click()
    page.locator("#user-tools").wait_for(state="detached")
    found += violations(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", ["en-GB"])
def test_empty_pages_pass_axe(page: Page, base_url: str) -> None:
    sign_in(page, base_url)
    found = []
    for url in ["/admin/", "/admin/queues/queueitem/", "/admin/security/client/"]:
        page.goto(url)
        found += violations(page, dark_scope="html")
    assert not found, "\n".join(found)
