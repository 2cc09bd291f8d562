"""POST /api/trigger with an expected status."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import TIMEOUT, Api, ClientResponse
from triggers.models import Trigger
from triggers.tests.helpers import scheduled, single, status

pytestmark = pytest.mark.django_db

THREADS = 8
CONFLICT = "The trigger does not have the expected status; it was not changed."


def set_status(api: Api, expected: Any, **fields: Any) -> ClientResponse:
    return api.post(
        "/api/trigger", {"trigger_name": "Report", "expected_status": expected, **fields}
    )


def test_it_works(api: Api) -> None:
    trigger = single(process_status="DONE")
    response = set_status(api, "DONE")
    assert response.status_code == 200
    assert response.json() == {"success": True, "trigger_name": "Report", "new_status": "IDLE"}
    assert status(trigger) == "IDLE"


@pytest.mark.parametrize("current", [name for name in Trigger.Status.values if name != "DONE"])
def test_another_status_is_a_409_with_the_current_one(api: Api, current: str) -> None:
    trigger = single(process_status=current)
    response = set_status(api, "DONE", process_status="FAILED")
    assert response.status_code == 409
    assert response.json() == {"success": False, "error": CONFLICT, "current_status": current}
    assert status(trigger) == current


@pytest.mark.parametrize("expected", ["done", "Done", "dONE"])
def test_the_expected_status_may_have_any_letter_case(api: Api, expected: str) -> None:
    single(process_status="DONE")
    assert set_status(api, expected).status_code == 200


def test_null_expects_no_status(api: Api) -> None:
    single(process_status="RUNNING")
    assert set_status(api, None).status_code == 200


def test_the_expected_status_may_be_the_new_one(api: Api) -> None:
    single(process_status="IDLE")
    assert set_status(api, "IDLE").status_code == 200


@pytest.mark.parametrize("expected", ["", "NEW", "DONE ", 5, True, ["DONE"], {}])
def test_an_unknown_status_is_a_400(api: Api, expected: Any) -> None:
    trigger = single(process_status="DONE")
    response = set_status(api, expected)
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"expected_status"}
    assert status(trigger) == "DONE"


def test_an_unknown_name_is_a_404(api: Api) -> None:
    scheduled(trigger_name="Report", process_status="DONE")
    response = set_status(api, "DONE")
    assert response.status_code == 404
    assert response.json() == {
        "success": False,
        "error": "No trigger of type SINGLE has this name.",
    }


@pytest.mark.parametrize("expected", ["DONE", "RUNNING"])
def test_several_triggers_with_the_name_are_a_400(api: Api, expected: str) -> None:
    # Although one of them has the expected status.
    triggers = [single(process_status=name) for name in ("DONE", "FAILED")]
    response = set_status(api, expected)
    assert response.status_code == 400
    sentence = "2 triggers of type SINGLE have this name; give each its own."
    assert response.json()["fields"] == {"trigger_name": [sentence]}
    assert [status(trigger) for trigger in triggers] == ["DONE", "FAILED"]


def test_it_takes_one_update(api: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    single(process_status="DONE")
    set_status(api, "DONE")
    # the UPDATE
    with django_assert_num_queries(1) as queries:
        set_status(api, "IDLE")
    assert "UPDATE" in queries[0]["sql"]


def test_a_conflict_takes_one_more_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    single(process_status="RUNNING")
    set_status(api, "DONE")
    # the UPDATE of no row; the statuses of triggers with the name
    with django_assert_num_queries(2):
        set_status(api, "DONE")


@pytest.mark.django_db(transaction=True)
def test_one_of_many_callers_at_once_sets_the_status(api: Api) -> None:
    trigger = single(process_status="DONE")
    set_status(api, "RUNNING")  # checks the key, and notes its use
    start = threading.Barrier(THREADS)

    def call(_: int) -> tuple[int, str | None]:
        start.wait(TIMEOUT)
        try:
            response = set_status(api, "DONE")
            return response.status_code, response.json().get("current_status")
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        responses = sorted(threads.map(call, range(THREADS)))

    assert responses == [(200, None)] + (THREADS - 1) * [(409, "IDLE")]
    assert status(trigger) == "IDLE"


# Names compared exactly, for callers that may not set every trigger


def test_a_name_can_be_compared_exactly() -> None:
    trigger = single(process_status="DONE")
    Trigger.objects.set_status("Report", "IDLE", exactly=True)
    assert status(trigger) == "IDLE"


@pytest.mark.parametrize("name", ["REPORT", "report", "Report ", "\uff32eport", "Re\u0301port"])
def test_a_similar_name_is_not_the_same_exactly(name: str) -> None:
    trigger = single(process_status="DONE")
    with pytest.raises(Trigger.DoesNotExist):
        Trigger.objects.set_status(name, "IDLE", exactly=True)
    assert status(trigger) == "DONE"


def test_a_trigger_with_a_similar_name_is_no_namesake_exactly() -> None:
    trigger, similar = single(process_status="DONE"), single(trigger_name="report")
    Trigger.objects.set_status("Report", "FAILED", exactly=True)
    assert (status(trigger), status(similar)) == ("FAILED", "IDLE")


def test_a_status_that_becomes_the_expected_one_meanwhile_is_changed(api: Api) -> None:
    trigger = single(process_status="RUNNING")

    def execute(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and status(trigger) == "RUNNING":
            Trigger.objects.update(process_status="DONE")  # as a robot, after our UPDATE
        return result

    with connection.execute_wrapper(execute):
        assert set_status(api, "DONE").status_code == 200
    assert status(trigger) == "IDLE"
