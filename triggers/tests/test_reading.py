"""GET /api/trigger."""

from datetime import datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import Api, Serve
from security.models import Client
from triggers.models import SingleTrigger, Trigger
from triggers.tests.helpers import PROCESS, queue, scheduled, single

pytestmark = pytest.mark.django_db

NEXT_RUN = datetime(2025, 4, 26, 12)


@pytest.fixture
def api(api: Api) -> Api:
    Client.objects.get().limit(may_read=True)
    return api


def test_it_works(api: Api) -> None:
    trigger = SingleTrigger.objects.create(
        trigger_name="Report",
        **PROCESS,
        process_status="DONE",
        last_run=datetime(2025, 4, 25, 12, 0, 0, 500_000),
        next_run=NEXT_RUN,
    )
    response = api.get("/api/trigger", {"trigger_name": "Report"})
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "triggers": [
            {
                "id": str(trigger.pk),
                "trigger_name": "Report",
                "process_status": "DONE",
                "last_run": "2025-04-25T12:00:00.500000",
                "next_run": "2025-04-26T12:00:00",
            }
        ],
    }


def test_a_trigger_that_has_never_run_has_no_last_run(api: Api) -> None:
    single()
    [trigger] = api.get("/api/trigger", {"trigger_name": "Report"}).json()["triggers"]
    assert trigger["last_run"] is None


@pytest.mark.parametrize("status", Trigger.Status.values)
def test_each_status_is_read_back(api: Api, status: str) -> None:
    single()
    api.post("/api/trigger", {"trigger_name": "Report", "process_status": status})
    [trigger] = api.get("/api/trigger", {"trigger_name": "Report"}).json()["triggers"]
    assert trigger["process_status"] == status


def test_all_single_triggers_with_the_name_are_returned(api: Api) -> None:
    created = [single(), single(process_status="RUNNING")]
    single(trigger_name="Another")
    scheduled(trigger_name="Report")
    queue(trigger_name="Report")
    triggers = api.get("/api/trigger", {"trigger_name": "Report"}).json()["triggers"]
    assert sorted(each["id"] for each in triggers) == sorted(str(row.pk) for row in created)


@pytest.mark.parametrize("name", ["Another", "REPORT", "Report ", " Report", "\uff32eport", "%"])
def test_a_name_without_a_single_trigger_is_a_404(api: Api, name: str) -> None:
    single()
    scheduled(trigger_name="Another")
    response = api.get("/api/trigger", {"trigger_name": name})
    assert response.status_code == 404
    assert response.json() == {
        "success": False,
        "error": "No trigger of type SINGLE has this name.",
    }


def test_the_path_may_end_in_a_slash(api: Api) -> None:
    single()
    assert api.get("/api/trigger/", {"trigger_name": "Report"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "trigger_name=",
        "Trigger_Name=Report",
        "trigger_name=%00",
        f"trigger_name={'x' * 101}",
        f"trigger_name={'x' * 60_000}",
        "trigger_name=Report&trigger_name=",
    ],
)
def test_an_invalid_name_is_a_400(api: Api, query: str) -> None:
    single()
    response = api.get(f"/api/trigger?{query}")
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {"trigger_name"}


def test_more_than_1000_parameters_are_a_400(api: Api) -> None:
    query = "&".join(f"p{number}=1" for number in range(2000))
    response = api.get(f"/api/trigger?trigger_name=Report&{query}")
    assert response.status_code == 400
    assert response.json()["success"] is False


@pytest.mark.parametrize("name", ["%ED%A0%80", "%FF", "%zz", "%", "a;b", "' OR 1=1--"])
def test_a_malformed_name_is_a_404(api: Api, name: str) -> None:
    single()
    assert api.get(f"/api/trigger?trigger_name={name}").status_code == 404


def test_a_wrong_key_gets_401_first(api: Api) -> None:
    assert api.get("/api/trigger", X_API_Key="wrong").status_code == 401


@pytest.mark.parametrize("name", ["Report", "Another"])
def test_it_takes_one_query(
    api: Api, name: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    single()
    single()
    api.get("/api/trigger", {"trigger_name": name})
    # the triggers, with the times of the SINGLE ones
    with django_assert_num_queries(1):
        api.get("/api/trigger", {"trigger_name": name})


def test_an_unchanged_trigger_is_a_304(api: Api) -> None:
    single()
    etag = api.get("/api/trigger", {"trigger_name": "Report"})["ETag"]
    response = api.get("/api/trigger", {"trigger_name": "Report"}, If_None_Match=etag)
    assert (response.status_code, response.content) == (304, b"")
    assert response["Cache-Control"] == "private, no-cache"
    assert "RateLimit-Remaining" in response


def test_a_changed_trigger_is_a_200(api: Api) -> None:
    single(process_status="RUNNING")
    etag = api.get("/api/trigger", {"trigger_name": "Report"})["ETag"]
    Trigger.objects.update(process_status="DONE")
    response = api.get("/api/trigger", {"trigger_name": "Report"}, If_None_Match=etag)
    assert response.status_code == 200
    assert response["ETag"] != etag


def test_head_has_no_body(api: Api, serve: Serve) -> None:
    single()
    server = serve()
    path = "/api/trigger?trigger_name=Report"
    got, _ = server.request("GET", path, X_API_Key=api.key)
    head, nothing = server.request("HEAD", path, X_API_Key=api.key)
    assert (head.status, nothing) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
