"""The layout of the admin's pages in a browser, at the widths of screens and of a phone."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Page, expect

from queueapi.tests.admin_pages import LISTS, create_rows
from queueapi.tests.browser_fixtures import OpenPage, sign_in

PHONE = {"width": 390, "height": 844}
# Elements that are wider than they may be: the page, tables, and buttons cut off by the screen.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const seen = [...document.querySelectorAll("#content table, #content .results, button, input")]
    .filter((each) => each.checkVisibility() && !each.closest(".scroll, .hidden"));
  return [document.documentElement, ...seen]
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.matches("html, .results")
      || !each.matches("html") && each.getBoundingClientRect().right > width)
    .map((each) => each.outerHTML.slice(0, 100));
}"""
ROW_TOP = 'document.querySelector("#result_list tbody tr").getBoundingClientRect().top'
CARDS = (
    """[...document.querySelectorAll(".card")].map((card) => card.getBoundingClientRect().top)"""
)


@pytest.fixture
def base_url(shared_base_url: str) -> str:
    return shared_base_url


@pytest.fixture
def page(open_page: OpenPage, base_url: str) -> Page:
    page = open_page(viewport=PHONE)
    sign_in(page, base_url)
    return page


@pytest.mark.usefixtures("base_url", "scheduler_tables")  # in this order
def test_no_page_is_wider_than_the_screen(page: Page) -> None:
    too_wide = []
    for url in create_rows():
        page.goto(url)
        for width in (1440, 1280, 768, 390):
            page.set_viewport_size({"width": width, "height": 844})
            too_wide += [f"{url} {width}: {each}" for each in page.evaluate(TOO_WIDE)]
    assert not too_wide, "\n".join(too_wide)


@pytest.mark.usefixtures("base_url", "scheduler_tables")  # in this order
def test_first_screen_of_a_phone_has_rows(page: Page) -> None:
    create_rows()
    for url in LISTS:
        page.goto(url)
        assert page.evaluate(ROW_TOP) < PHONE["height"] / 2, url


def test_filters_fold_away_on_a_phone_without_script(open_page: OpenPage, base_url: str) -> None:
    page = open_page(viewport=PHONE, java_script_enabled=False)
    sign_in(page, base_url)
    page.goto("/admin/queues/queueitem/")
    filters = page.get_by_role("navigation", name="Filter")
    expect(filters).to_be_hidden()
    page.get_by_role("link", name="Show filters").click()
    expect(filters).to_be_in_viewport()
    page.get_by_role("link", name="Hide filters").click()
    expect(filters).to_be_hidden()


@pytest.mark.usefixtures("base_url", "scheduler_tables")  # in this order
@pytest.mark.parametrize(("role", "number"), [("Viewers", 3), ("Security admins", 5)])
def test_cards_stand_in_even_rows(page: Page, role: str, number: int) -> None:
    if role == "Viewers":
        User.objects.update(is_superuser=False)
        user = User.objects.get()
        user.groups.set(user.groups.model.objects.filter(name=role))
    for cards in (number + 1, number):
        page.goto("/admin/")
        for width in (768, 1024, 1280, 1440, 1920):
            page.set_viewport_size({"width": width, "height": 844})
            tops = page.evaluate(CARDS)
            assert len(tops) == cards
            assert min(tops.count(top) for top in tops) > 1, width
        with connection.cursor() as cursor:  # then there is no card of late triggers
            cursor.execute('DROP TABLE IF EXISTS "Schedulers"')
