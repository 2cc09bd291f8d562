"""Numbers on pages have separators for people and none for programs."""

from html.parser import HTMLParser

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from queueapi.admin import audit
from queueapi.tests.helpers import form_in
from security.models import ApiKey, BannedIP, FailedAttempt
from security.models import Client as ApiClient
from triggers.models import QueueTrigger
from triggers.tests.helpers import change_url, queue

pytestmark = pytest.mark.django_db

LARGE = 1_234_567
SEPARATED = {"en": "1,234,567", "da": "1.234.567"}


class Attributes(HTMLParser):
    """Collect the values of all attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.values += [value for _, value in attrs if value]


@pytest.mark.parametrize("language", SEPARATED)
def test_ids_have_no_separators(client: Client, settings: Settings, language: str) -> None:
    user = User.objects.create_superuser("anna", id=LARGE)
    client.force_login(user)
    Group.objects.create(id=LARGE, name="Others")
    ApiClient.objects.create(id=LARGE, name="ERP")
    ApiKey.objects.issue("ERP", None)
    BannedIP.objects.ban("203.0.113.9", settings.BAN_DURATION, "x", by="anna")
    FailedAttempt.objects.create(client_ip="203.0.113.9")
    audit.record(user.pk, CHANGE, [(user, [{"field": "password"}])])
    others: list[type[Model]] = [ApiKey, BannedIP, FailedAttempt, LogEntry]
    for model in others:
        model._default_manager.update(id=LARGE)
    others += [User, Group, ApiClient]
    for model in others:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for url in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[LARGE])):
            page = client.get(url, headers={"Accept-Language": language})
            assert page.status_code == 200, url
            values = Attributes(page.content.decode()).values
            assert [value for value in values if SEPARATED[language] in value] == [], url


@pytest.mark.parametrize("language", SEPARATED)
def test_a_number_in_a_form_is_saved_unchanged(client: Client, language: str) -> None:
    trigger = queue(min_batch_size=LARGE)
    client.force_login(User.objects.create_superuser("anna"))
    page = client.get(change_url(trigger), headers={"Accept-Language": language})
    assert form_in(page, "min_batch_size")["min_batch_size"] == str(LARGE)
    saved = client.post(change_url(trigger), form_in(page, "min_batch_size"))
    assert saved.status_code == 302
    assert QueueTrigger.objects.get().min_batch_size == LARGE
