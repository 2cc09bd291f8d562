"""POST /api/trigger by its contract."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import Api
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

pytestmark = pytest.mark.django_db

NEXT_RUN = datetime(2025, 4, 26, 12)


def single(name: str = "MyAutomationTrigger") -> SingleTrigger:
    return SingleTrigger.objects.create(
        trigger_name=name,
        process_name="Report",
        process_path="report.py",
        process_status="DONE",
        next_run=NEXT_RUN,
    )


def scheduled(name: str = "MyAutomationTrigger") -> ScheduledTrigger:
    return ScheduledTrigger.objects.create(
        trigger_name=name,
        process_name="Report",
        process_path="report.py",
        process_status="DONE",
        next_run=NEXT_RUN,
        cron_expr="0 2 * * *",
    )


def queued(name: str = "MyAutomationTrigger") -> QueueTrigger:
    return QueueTrigger.objects.create(
        trigger_name=name,
        process_name="Report",
        process_path="report.py",
        process_status="DONE",
        queue_name="q",
        min_batch_size=5,
    )


def statuses() -> list[str]:
    return sorted(Trigger.objects.values_list("process_status", flat=True))


def test_it_works(api: Api) -> None:
    trigger = single()
    response = api.post(
        "/api/trigger", {"trigger_name": "MyAutomationTrigger", "process_status": "IDLE"}
    )

    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "trigger_name": "MyAutomationTrigger",
        "new_status": "IDLE",
    }
    trigger.refresh_from_db()
    assert trigger.process_status == "IDLE"


def test_only_the_status_changes(api: Api) -> None:
    single()
    before = SingleTrigger.objects.values().get()
    api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})
    assert SingleTrigger.objects.values().get() == {**before, "process_status": "IDLE"}


def test_other_triggers_do_not_change(api: Api) -> None:
    single("One")
    single("Two")
    api.post("/api/trigger", {"trigger_name": "One"})
    assert statuses() == ["DONE", "IDLE"]


@pytest.mark.parametrize("absent", [{}, {"process_status": None}])
def test_the_default_status_is_idle(api: Api, absent: dict[str, None]) -> None:
    single()
    response = api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger", **absent})
    assert response.json()["new_status"] == "IDLE"
    assert statuses() == ["IDLE"]


def test_the_path_may_end_in_a_slash(api: Api) -> None:
    single()
    response = api.post("/api/trigger/", {"trigger_name": "MyAutomationTrigger"})
    assert response.status_code == 200


@pytest.mark.parametrize("status", Trigger.Status.values)
@pytest.mark.parametrize("letter_case", [str.upper, str.lower, str.title])
def test_each_status_is_stored_in_upper_case(
    api: Api, status: str, letter_case: Callable[[str], str]
) -> None:
    single()
    response = api.post(
        "/api/trigger",
        {"trigger_name": "MyAutomationTrigger", "process_status": letter_case(status)},
    )
    assert response.json()["new_status"] == status
    assert statuses() == [status]


@pytest.mark.parametrize(
    "status",
    ["", "NEW", " IDLE", "IDLE ", "IDLE\n", "\u0131dle", "k\u0131lling", 5, True, ["IDLE"], {}],
)
def test_another_status_is_a_400(api: Api, status: Any) -> None:
    single()
    response = api.post(
        "/api/trigger", {"trigger_name": "MyAutomationTrigger", "process_status": status}
    )
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"process_status"}
    assert statuses() == ["DONE"]


@pytest.mark.parametrize(
    "name", [None, "", 5, True, [], {}, "x" * 101, "a\0b", "\ud800", "\ud83e" * 100]
)
def test_an_invalid_name_is_a_400(api: Api, name: Any) -> None:
    response = api.post("/api/trigger", {"trigger_name": name})
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"trigger_name"}


def test_a_name_of_100_emoji_is_found(api: Api) -> None:
    single("🤖" * 100)
    assert api.post("/api/trigger", {"trigger_name": "🤖" * 100}).status_code == 200


def test_the_name_is_not_trimmed(api: Api) -> None:
    single("name")
    assert api.post("/api/trigger", {"trigger_name": " name"}).status_code == 404


def test_a_name_with_spaces_at_its_start_is_found(api: Api) -> None:
    single(" name")
    assert api.post("/api/trigger", {"trigger_name": " name"}).status_code == 200


def test_an_unknown_name_is_a_404(api: Api) -> None:
    response = api.post("/api/trigger", {"trigger_name": "Nobody"})
    assert response.status_code == 404
    assert response.json() == {
        "success": False,
        "error": "No trigger of type SINGLE has this name.",
    }


@pytest.mark.parametrize("create", [scheduled, queued])
def test_a_name_of_another_type_is_a_404(api: Api, create: Callable[[], Trigger]) -> None:
    create()
    response = api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})
    assert response.status_code == 404
    assert statuses() == ["DONE"]


def test_triggers_of_another_type_may_have_the_same_name(api: Api) -> None:
    scheduled()
    single()
    queued()
    response = api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})
    assert response.status_code == 200
    assert statuses() == ["DONE", "DONE", "IDLE"]


def test_several_single_triggers_with_the_name_are_a_400_with_their_number(api: Api) -> None:
    for _ in range(3):
        single()
    response = api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})

    assert response.status_code == 400
    sentence = "3 triggers of type SINGLE have this name; give each its own."
    assert response.json() == {
        "success": False,
        "error": f"trigger_name: {sentence}",
        "fields": {"trigger_name": [sentence]},
    }
    assert statuses() == ["DONE", "DONE", "DONE"]


def test_it_takes_one_update(api: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    single()
    api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})
    # the UPDATE
    with django_assert_num_queries(1) as queries:
        api.post("/api/trigger", {"trigger_name": "MyAutomationTrigger"})
    assert "UPDATE" in queries[0]["sql"]


def test_an_unknown_name_takes_one_more_query(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.post("/api/trigger", {"trigger_name": "Nobody"})
    # the UPDATE of no row; the number of triggers
    with django_assert_num_queries(2):
        api.post("/api/trigger", {"trigger_name": "Nobody"})


@pytest.mark.parametrize("create", [single, scheduled, queued])
def test_each_model_stores_its_type(create: Callable[[], Trigger]) -> None:
    trigger = create()
    assert Trigger.objects.get().type == trigger.trigger_type
