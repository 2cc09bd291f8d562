"""Model fields for SQL Server."""

from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from queueapi.database.model_fields import DigestField, UnicodeCharField, truncate
from queues.models import QueueItem
from triggers.models import SingleTrigger

SQL_SERVER = cast(
    BaseDatabaseWrapper,
    SimpleNamespace(vendor="microsoft", features=SimpleNamespace(has_native_uuid_field=False)),
)
IDENTIFIER = UUID("6017cb21-bdab-440c-bca2-0bd6fbb9cb5e")


@pytest.mark.parametrize("model", [QueueItem, SingleTrigger])
def test_id_is_a_uniqueidentifier(model: type[Model]) -> None:
    assert model._meta.pk.db_type(SQL_SERVER) == "uniqueidentifier"


@pytest.mark.parametrize("model", [QueueItem, SingleTrigger])
@pytest.mark.parametrize("value", [IDENTIFIER, str(IDENTIFIER), IDENTIFIER.hex])
def test_id_is_sent_with_dashes(model: type[Model], value: UUID | str) -> None:
    assert model._meta.pk.get_db_prep_value(value, SQL_SERVER) == str(IDENTIFIER)


def test_id_of_none_stays_none() -> None:
    assert QueueItem._meta.pk.get_db_prep_value(None, SQL_SERVER) is None


@pytest.mark.django_db
def test_id_is_read_as_a_uuid() -> None:
    QueueItem.objects.create(id=IDENTIFIER, queue_name="q")
    assert QueueItem.objects.get(pk=str(IDENTIFIER)).pk == IDENTIFIER


def test_column_stores_max_length_emoji() -> None:
    # nvarchar counts UTF-16 units, and an emoji has two.
    assert UnicodeCharField(max_length=100).db_type(SQL_SERVER) == "nvarchar(200)"


def test_digest_is_of_fixed_width() -> None:
    assert DigestField(max_length=32).db_type(SQL_SERVER) == "binary(32)"


@pytest.mark.parametrize(
    ("text", "units", "beginning"),
    [("abc", 3, "abc"), ("abc", 2, "ab"), ("a🤖b", 3, "a🤖"), ("a🤖b", 2, "a"), ("🤖", 1, "")],
)
def test_text_is_truncated_between_characters(text: str, units: int, beginning: str) -> None:
    assert truncate(text, units) == beginning
