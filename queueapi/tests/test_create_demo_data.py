"""manage.py create_demo_data."""

import re
from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from queues import queue_statistics
from queues.models import QueueItem
from security.models import ApiKey
from security.models import Client as ApiClient
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8000"


def create_demo_data() -> str:
    out = StringIO()
    call_command("create_demo_data", url=URL, stdout=out)
    return out.getvalue()


def test_it_works(client: Client) -> None:
    output = create_demo_data()
    login = re.search(rf"{URL}/admin/, user admin, password (\S+)", output)
    key = re.search(r"API key  (\S+)", output)
    assert login
    assert key
    assert client.login(username="admin", password=login[1])
    assert ApiKey.objects.get() == ApiKey.with_secret(key[1])
    assert f'{URL}/api/queue -H "X-API-Key: {key[1]}"' in output


def test_each_status_and_each_trigger_type_has_a_row() -> None:
    create_demo_data()
    assert set(QueueItem.objects.values_list("status", flat=True)) == set(QueueItem.Status.values)
    for model in (SingleTrigger, ScheduledTrigger, QueueTrigger):
        assert model.objects.exists()


def test_the_dashboard_has_numbers_of_24_hours_and_of_14_days() -> None:
    create_demo_data()
    statistics = queue_statistics.count()
    assert all(queue.done and queue.failed for queue in statistics.queues)
    days = {hour[:10] for hour in statistics.created}
    assert len(days) >= queue_statistics.DAYS - 1  # today may have begun a minute ago
    assert QueueItem.objects.stuck().exists()
    assert not QueueItem.objects.filter(status="FAILED", message=None).exists()


def test_a_second_run_keeps_all_rows_and_names_the_commands_for_keys_and_users() -> None:
    create_demo_data()
    before = list(QueueItem.objects.values()), list(ApiKey.objects.values())
    output = create_demo_data()
    assert (list(QueueItem.objects.values()), list(ApiKey.objects.values())) == before
    for command in ("create_api_key", "rotate_api_key", "createsuperuser", "changepassword"):
        assert command in output


@pytest.mark.parametrize(
    "create",
    [
        lambda: QueueItem.objects.create(queue_name="real"),
        lambda: ApiKey.objects.issue("ERP", lifetime=None),
        lambda: ApiClient.objects.create(name="ERP"),
        lambda: User.objects.create_superuser("anna"),
    ],
)
def test_a_database_with_data_is_left_alone(create: Callable[[], object]) -> None:
    create()
    assert "nothing was added" in create_demo_data()
    assert not User.objects.filter(username="admin").exists()
    assert not ApiKey.objects.filter(client__name="demo").exists()


def test_a_failure_rolls_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiKey.objects, "issue", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        create_demo_data()
    assert not QueueItem.objects.exists()
    assert not User.objects.exists()
