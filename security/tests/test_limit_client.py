"""`manage.py limit_client`."""

import pytest
from django.core.management import CommandError

from queueapi.tests.helpers import Api, database_url, manage
from security.models import Client
from security.tests.helpers import right, run

pytestmark = pytest.mark.django_db

SHOWN = """\
client       ERP
may          push, trigger
queues       all
triggers     all
networks     all
"""


def test_it_works(api: Api) -> None:
    run("limit_client", "ERP", "--queues", "Invoices", "HR*", "--allow", "push", "read")
    client = Client.objects.get()
    assert (client.may_push, client.may_trigger, client.may_read) == (True, False, True)
    assert client.queues == "Invoices\nHR*"
    assert right(api) == 403


def test_without_options_it_shows_the_limits(api: Api) -> None:
    assert run("limit_client", "ERP") == (SHOWN, "")


def test_it_shows_the_result(api: Api) -> None:
    out, _ = run("limit_client", "ERP", "--queues", "A", "B*", "--networks", "10.0.0.0/8")
    assert out == SHOWN.replace("queues       all", "queues       A, B*").replace(
        "networks     all", "networks     10.0.0.0/8"
    )


def test_a_list_replaces_the_list_before(api: Api) -> None:
    run("limit_client", "ERP", "--triggers", "A", "B")
    run("limit_client", "ERP", "--triggers", "C")
    assert Client.objects.get().triggers == "C"


def test_an_option_alone_clears_its_list_only(api: Api) -> None:
    run("limit_client", "ERP", "--queues", "A", "--triggers", "T")
    run("limit_client", "ERP", "--queues")
    client = Client.objects.get()
    assert (client.queues, client.triggers) == ("", "T")


def test_allow_alone_allows_nothing(api: Api) -> None:
    out, _ = run("limit_client", "ERP", "--allow")
    assert "may          nothing\n" in out
    assert right(api) == 403


def test_lists_alone_change_no_permission(api: Api) -> None:
    run("limit_client", "ERP", "--allow", "read")
    run("limit_client", "ERP", "--queues", "A")
    assert Client.objects.get().may_read


@pytest.mark.parametrize("option", [["--queues", "A*B"], ["--networks", "10.0.0.1/8"]])
def test_an_invalid_line_changes_nothing(api: Api, option: list[str]) -> None:
    with pytest.raises(CommandError, match=r"a \* may only|no IP"):
        run("limit_client", "ERP", "--allow", "read", *option)
    assert Client.objects.get().may_push


@pytest.mark.parametrize("name", ["Payroll", "erp", "ERP "])
def test_an_unknown_client_is_an_error(api: Api, name: str) -> None:
    with pytest.raises(CommandError, match="No client is named"):
        run("limit_client", name)


def test_an_unknown_permission_is_an_error(api: Api) -> None:
    with pytest.raises(CommandError, match="write"):
        run("limit_client", "ERP", "--allow", "write")


@pytest.mark.django_db(transaction=True)
def test_an_unknown_client_exits_with_1() -> None:
    finished = manage("limit_client", "Unknown", DATABASE_URL=database_url())
    assert finished.returncode == 1
    assert "No client is named 'Unknown'" in finished.stderr
    assert finished.stdout == ""


@pytest.mark.parametrize("option", ["--queues", "--triggers", "--networks"])
def test_an_empty_value_is_an_error(api: Api, option: str) -> None:
    run("limit_client", "ERP", "--queues", "A", "--triggers", "B", "--networks", "127.0.0.1")
    with pytest.raises(CommandError, match="an empty text"):
        run("limit_client", "ERP", option, "")
    client = Client.objects.get()
    assert (client.queues, client.triggers, client.networks) == ("A", "B", "127.0.0.1")
