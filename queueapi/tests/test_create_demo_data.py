import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from queues.models import QueueItem
from security.models import ApiKey
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8000"


def create_demo_data() -> str:
    out = StringIO()
    call_command("create_demo_data", url=URL, stdout=out)
    return out.getvalue()


def test_it_works(client: Client) -> None:
    said = create_demo_data()
    password = re.search(r"user admin, password (\S+)", said)[1]
    assert client.login(username="admin", password=password)
    assert ApiKey.objects.active().get().client == "demo"
    assert set(QueueItem.objects.values_list("status", flat=True)) == set(QueueItem.Status.values)
    for kind in (SingleTrigger, ScheduledTrigger, QueueTrigger):
        assert kind.objects.exists()


def test_a_second_time_keeps_all_and_says_how_to_get_a_new_key() -> None:
    create_demo_data()
    before = list(QueueItem.objects.values()), list(ApiKey.objects.values())
    said = create_demo_data()
    assert (list(QueueItem.objects.values()), list(ApiKey.objects.values())) == before
    assert "rotate_api_key demo" in said


@pytest.mark.parametrize(
    "make",
    [
        lambda: QueueItem.objects.create(queue_name="real"),
        lambda: ApiKey.objects.issue("ERP", lifetime=None),
        lambda: get_user_model().objects.create_superuser("anna"),
    ],
)
def test_it_stays_out_of_a_database_with_data(make: Any) -> None:
    make()
    assert "has data of its own" in create_demo_data()
    assert not get_user_model().objects.filter(username="admin").exists()
    assert not ApiKey.objects.filter(client="demo").exists()


def test_after_the_demo_key_was_revoked_it_says_how_to_make_one() -> None:
    create_demo_data()
    ApiKey.objects.get().revoke()
    assert "create_api_key demo" in create_demo_data()


def test_if_it_breaks_off_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiKey.objects, "issue", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        create_demo_data()
    assert not QueueItem.objects.exists()
    assert not get_user_model().objects.exists()
