"""Pages that stay open in a browser: the end of the session, and lists that renew themselves."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from queueapi.admin.session import LATEST_END
from queueapi.tests.browser_fixtures import OpenPage
from queueapi.tests.helpers import Serve, eventually
from queues.tests.helpers import LIST, change_url, failed, item

PASSWORD = "correct horse battery"
SUPERUSER = {"is_active": True, "is_staff": True, "is_superuser": True}


@pytest.fixture
def base_url(shared_base_url: str) -> str:
    return shared_base_url


def sign_in(
    page: Page, username: str = "anna", password: str | None = None, **left: float
) -> SessionStore:
    """Sign in as a new superuser, without the form, for a session of this duration."""
    client = Client()
    hashed = make_password(password, hasher="pbkdf2_sha256")  # the only one that the server has
    client.force_login(User.objects.create(username=username, password=hashed, **SUPERUSER))
    session = SessionStore(client.session.session_key)
    if left:
        session.set_expiry(timedelta(**left))
        session.save()
    set_cookie(page, settings.SESSION_COOKIE_NAME, str(session.session_key))
    return session


def set_cookie(page: Page, name: str, value: str) -> None:
    page.context.add_cookies([{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}])


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """Open a page, of which each test moves the time."""
    page = open_page()
    page.clock.install()
    return page


# The end of the session.


def show_sent_forms(page: Page) -> None:
    """Respond to each form of an item with what it sent."""

    def respond(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(body=route.request.post_data)
        else:
            route.fallback()

    page.route("**/queueitem/**", respond)


def test_a_form_is_saved_after_the_session_ended(page: Page, serve: Serve) -> None:
    sign_in(page, password=PASSWORD)
    row = item()
    # A server of its own, because saving leaves ids of content types in the server's cache.
    page.goto(f"http://127.0.0.1:{serve().port}{change_url(row)}")
    page.get_by_label("Message").fill("What I typed")
    Session.objects.all().delete()
    page.get_by_role("button", name="Save and continue editing").click()
    dialog = page.get_by_role("alertdialog", name="Your session has ended")
    with page.context.expect_page() as other_tab:
        dialog.get_by_role("link", name="Sign in").click()
    other_tab.value.get_by_label("Username").fill("anna")
    other_tab.value.get_by_label("Password").fill(PASSWORD)
    other_tab.value.get_by_role("button", name="Log in").click()
    expect(other_tab.value.get_by_role("heading", name="Overview")).to_be_visible()
    dialog.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("You may edit it again below.")).to_be_visible()
    row.refresh_from_db()
    assert row.message == "What I typed"


def test_an_action_of_a_list_works_after_a_sign_in_in_another_tab(page: Page) -> None:
    sign_in(page)
    item()
    page.goto(LIST)
    set_cookie(page, settings.CSRF_COOKIE_NAME, "x" * 32)  # the token changes with each sign-in
    page.locator(".action-select").check()
    page.get_by_label("Action:").select_option("abandon")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 queue item")).to_be_visible()


def test_a_form_is_sent_by_the_enter_key(page: Page) -> None:
    sign_in(page)
    show_sent_forms(page)
    page.goto("/admin/queues/queueitem/add/")
    page.get_by_label("Queue").fill("Invoices")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("_save=Save")


def test_a_form_is_not_sent_as_another_user_without_asking(page: Page) -> None:
    sign_in(page)
    show_sent_forms(page)
    page.goto(change_url(item()))
    page.get_by_label("Message").fill("Typed")
    sign_in(page, "bo")
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("alertdialog", name="Another user has signed in")
    expect(dialog).to_contain_text("signed in as bo")
    dialog.get_by_role("button", name="Send as that user").click()
    expect(page.locator("body")).to_contain_text("message=Typed")


def test_a_form_stays_while_the_server_can_not_be_reached(page: Page) -> None:
    sign_in(page)
    show_sent_forms(page)
    page.goto(change_url(item()))
    page.get_by_label("Message").fill("Typed")
    page.route("**/admin/session/", lambda route: route.abort())
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("alertdialog", name="The server can't be reached")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_label("Message")).to_have_value("Typed")
    page.unroute("**/admin/session/")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("message=Typed")


def test_a_warning_offers_to_stay_signed_in(page: Page) -> None:
    sign_in(page, minutes=4)
    page.goto("/admin/")
    page.clock.fast_forward(20_000)
    dialog = page.get_by_role("alertdialog", name=re.compile(r"Your session ends at \d\d:\d\d"))
    dialog.get_by_role("button", name="Stay signed in").click()
    expect(dialog).to_be_hidden()
    assert eventually(lambda: expires_after(hours=11))


def expires_after(**duration: float) -> bool:
    return Session.objects.get().expire_date > timezone.now() + timedelta(**duration)


def test_a_warning_says_that_24_hours_are_over(page: Page) -> None:
    session = sign_in(page, minutes=4)
    session[LATEST_END] = session["_session_expiry"]
    session.save()
    page.goto("/admin/")
    page.clock.fast_forward(20_000)
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("can't be extended")
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_hidden()


def test_typing_renews_the_session(page: Page) -> None:
    sign_in(page, hours=2)
    page.goto(change_url(item()))
    page.get_by_label("Message").press_sequentially("x")
    assert eventually(lambda: expires_after(hours=11))


# Lists that renew themselves.

READ = re.compile(r"Read at \d\d:\d\d:\d\d\.")


def requests_of(page: Page) -> list[str]:
    """Return a list, to which later requests of the page are added."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    return requests


def test_a_list_shows_new_rows_which_can_be_selected(page: Page) -> None:
    sign_in(page)
    item(reference="first")
    page.goto(LIST)
    expect(page.locator("main")).to_contain_text(READ)
    item(reference="second")
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("link", name="second")).to_be_visible()
    page.locator("#action-toggle").check()
    expect(page.get_by_text("2 of 2 selected")).to_be_visible()
    page.locator(".action-select").first.uncheck()
    expect(page.get_by_text("1 of 2 selected")).to_be_visible()


def test_the_first_row_of_a_list_can_be_selected(page: Page) -> None:
    sign_in(page)
    page.goto(LIST)
    item(reference="first")
    page.clock.fast_forward(15_000)
    page.locator("#action-toggle").check()
    expect(page.get_by_text("1 of 1 selected")).to_be_visible()


def tick_a_row(page: Page) -> None:
    page.locator(".action-select").first.check()
    page.locator("h1").click()


def type_a_search(page: Page) -> None:
    page.locator("#searchbar").fill("x")
    page.locator("h1").click()


def choose_an_action(page: Page) -> None:
    page.get_by_label("Action:").select_option(index=1)


def select_text(page: Page) -> None:
    page.locator(".field-queue_name").first.select_text()


def hide_the_tab(page: Page, hidden: bool = True) -> None:
    property_of = "Object.defineProperty(document, 'hidden', {value, configurable: true})"
    page.evaluate(f"value => {property_of}", hidden)


def switch_off(page: Page) -> None:
    page.get_by_label("Renews every 15 seconds").uncheck()
    page.reload()
    expect(page.get_by_label("Renews every 15 seconds")).not_to_be_checked()


def test_a_list_is_not_renewed_while_it_is_in_use(page: Page) -> None:
    sign_in(page)
    item()
    for use in (tick_a_row, type_a_search, choose_an_action, select_text, hide_the_tab, switch_off):
        page.goto(LIST)
        use(page)
        requests = requests_of(page)
        page.clock.fast_forward(60_000)
        assert requests == [], use


def test_a_list_is_renewed_at_once_when_its_tab_is_shown(page: Page) -> None:
    sign_in(page)
    page.goto(LIST)
    hide_the_tab(page)
    page.clock.fast_forward(60_000)
    item(reference="first")
    hide_the_tab(page, hidden=False)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name="first")).to_be_visible()


def test_a_list_says_that_the_session_has_ended(page: Page) -> None:
    sign_in(page)
    page.goto(LIST)
    Session.objects.all().delete()
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("status")).to_contain_text("Your session has ended.")
    requests = requests_of(page)
    page.clock.fast_forward(60_000)
    assert requests == []


def test_a_list_says_since_when_it_is_not_renewed(page: Page) -> None:
    sign_in(page)
    page.goto(LIST)
    page.route(f"**{LIST}", lambda route: route.fulfill(status=500))
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("status")).to_have_text(re.compile(r"Not renewed since \d\d:\d\d:"))
    page.unroute(f"**{LIST}")
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("status")).to_be_empty()
    expect(page.locator("main")).to_contain_text(READ)


def test_the_dashboard_keeps_open_details_open(page: Page) -> None:
    sign_in(page)
    item()
    page.goto("/admin/")
    page.get_by_text("As a table").click()
    page.locator("h1").click()
    failed(reference="INV-1")
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("link", name="Invoices INV-1")).to_be_visible()
    expect(page.locator("details table")).to_be_visible()
