"""The page to which an action on queue items returns."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from queueapi.tests.helpers import ClientResponse, Forms, SignIn, form_in
from queues.models import QueueItem
from queues.tests.helpers import LIST, change_url, failed, item, select_action

pytestmark = pytest.mark.django_db

LIST_QUERY = "?status__exact=FAILED&o=1&p=2"
FILTERS = urlencode({"_changelist_filters": LIST_QUERY[1:]})


def press(client: Client, row: QueueItem, action: str) -> ClientResponse:
    """Press a button on the page of an item that was opened from a filtered list."""
    url = f"{change_url(row)}?{FILTERS}"
    forms = Forms(client.get(url).content.decode()).forms
    attrs, fields = next(form for form in forms if form[1].get("action") == action)
    return client.post(attrs["action"], fields, headers={"Referer": f"http://testserver{url}"})


def confirm(client: Client, page: ClientResponse) -> str:
    return client.post(page.context["list_url"], form_in(page, "selection"))["Location"]


def test_an_action_of_the_list_returns_to_the_list_as_it_was(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    page = select_action(client, "requeue", row, query=LIST_QUERY)
    assert confirm(client, page) == LIST + LIST_QUERY


def test_an_action_of_an_item_returns_to_the_item_with_its_filters(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    page = press(client, row, "requeue")
    assert page.context["back"] == f"{change_url(row)}?{FILTERS}"
    assert confirm(client, page) == f"{change_url(row)}?{FILTERS}"


def test_the_deletion_of_an_item_returns_to_the_list_as_it_was(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    assert confirm(client, press(client, row, "delete_selected")) == LIST + LIST_QUERY
    assert not QueueItem.objects.exists()


def test_an_item_that_the_list_does_not_show_any_more_is_deleted(sign_in: SignIn) -> None:
    client, row = sign_in(), item()
    confirm(client, press(client, row, "delete_selected"))
    assert not QueueItem.objects.exists()


def test_the_delete_page_of_an_item_returns_to_the_list_as_it_was(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    page = client.get(f"{change_url(row)[:-7]}delete/?{FILTERS}")
    assert confirm(client, page) == LIST + LIST_QUERY


def test_an_action_that_does_not_apply_any_more_returns_to_the_item(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    url = f"{change_url(row)}?{FILTERS}"
    fields = form_in(client.get(url), "_selected_action")
    QueueItem.objects.update(status="NEW")
    assert client.post(LIST, fields)["Location"] == url


def test_a_refused_confirmation_links_to_the_list_without_a_script(sign_in: SignIn) -> None:
    client, row = sign_in(), failed()
    page = select_action(client, "requeue", row, query=LIST_QUERY)
    assert f'href="{LIST}{LIST_QUERY.replace("&", "&amp;")}"' in page.content.decode()


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_page_of_another_site_is_never_linked(sign_in: SignIn, url: str) -> None:
    client, row = sign_in(), failed()
    form = {"action": "requeue", "_selected_action": row.pk, "back": url}
    page = client.post(LIST, form, headers={"Referer": url})
    assert page.context["back"] == LIST
    assert confirm(client, page) == LIST


@pytest.mark.parametrize("filters", ["", "\0", "%ff", "a=1&a=2", "//evil.example", "x" * 2000])
def test_odd_filters_do_no_harm(sign_in: SignIn, filters: str) -> None:
    client, row = sign_in(), failed()
    url = f"{change_url(row)}?{urlencode({'_changelist_filters': filters})}"
    for action in ("requeue", "delete_selected"):
        forms = Forms(client.get(url).content.decode()).forms
        fields = next(fields for _, fields in forms if fields.get("action") == action)
        assert confirm(client, client.post(LIST, fields)).startswith("/admin/queues/queueitem/")
