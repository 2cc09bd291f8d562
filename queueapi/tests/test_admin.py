"""The admin shows the rows and changes none."""

import pytest
from django.urls import reverse
from django.utils import timezone

from queues.models import QueueItem
from security.models import ApiKey
from triggers.models import SingleTrigger

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["queueitem", "trigger", "apikey"])
def row(request):
    """A row, and the name of its admin pages."""
    if request.param == "queueitem":
        return QueueItem.objects.create(queue_name="Invoices"), "queues_queueitem"
    if request.param == "trigger":
        trigger = SingleTrigger.objects.create(trigger_name="Report", next_run=timezone.now())
        return trigger, "triggers_trigger"
    return ApiKey.objects.issue("ERP", lifetime=None)[0], "security_apikey"


def test_it_works(admin_client, row):
    item, name = row
    response = admin_client.get(reverse(f"admin:{name}_changelist"))
    assert response.status_code == 200
    assert str(item).split()[0] in response.content.decode()


def test_each_row_has_a_page(admin_client, row):
    item, name = row
    assert admin_client.get(reverse(f"admin:{name}_change", args=[item.pk])).status_code == 200


def test_nothing_can_be_added(admin_client, row):
    assert admin_client.get(reverse(f"admin:{row[1]}_add")).status_code == 403


def test_nothing_can_be_changed(admin_client, row):
    item, name = row
    response = admin_client.post(reverse(f"admin:{name}_change", args=[item.pk]), {})
    assert response.status_code == 403


def test_nothing_can_be_deleted(admin_client, row):
    item, name = row
    response = admin_client.post(reverse(f"admin:{name}_delete", args=[item.pk]), {"post": "yes"})
    assert response.status_code == 403


def test_the_hash_of_a_key_is_not_shown(admin_client):
    key, _ = ApiKey.objects.issue("ERP", lifetime=None)
    page = admin_client.get(reverse("admin:security_apikey_change", args=[key.pk]))
    assert key.hashed_secret not in page.content.decode()
