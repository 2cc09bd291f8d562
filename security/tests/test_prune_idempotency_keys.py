"""prune_idempotency_keys."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.models import IdempotencyKey
from security.tests.helpers import ITEM, run

pytestmark = pytest.mark.django_db


def keys(count: int, age: timedelta) -> None:
    for number in range(count):
        key = IdempotencyKey.objects.build("ERP", "queue", f"{age} {number}", {})
        key.created = timezone.now() - age
        key.save(force_insert=True)


def test_it_works() -> None:
    keys(3, timedelta(days=7, minutes=1))
    keys(2, timedelta(days=6, hours=23))
    assert run("prune_idempotency_keys")[0] == "3 idempotency keys deleted.\n"
    assert IdempotencyKey.objects.count() == 2


def test_the_setting_is_the_age(settings: Settings) -> None:
    settings.IDEMPOTENCY_KEEP = timedelta(days=30)
    keys(1, timedelta(days=31))
    keys(1, timedelta(days=29))
    assert run("prune_idempotency_keys")[0] == "1 idempotency keys deleted.\n"


def test_dry_run_deletes_nothing() -> None:
    keys(3, timedelta(days=8))
    out, _ = run("prune_idempotency_keys", "--dry-run")
    assert out == "3 idempotency keys would be deleted.\n"
    assert IdempotencyKey.objects.count() == 3


def test_more_than_one_batch_is_deleted() -> None:
    keys(1001, timedelta(days=8))
    assert run("prune_idempotency_keys")[0] == "1001 idempotency keys deleted.\n"


def test_a_pruned_key_is_a_new_one(api: Api) -> None:
    api.post("/api/queue", ITEM, Idempotency_Key="k")
    IdempotencyKey.objects.update(created=timezone.now() - timedelta(days=8))
    run("prune_idempotency_keys")
    response = api.post("/api/queue", ITEM, Idempotency_Key="k")
    assert "Idempotency-Replayed" not in response.headers
    assert QueueItem.objects.count() == 2
