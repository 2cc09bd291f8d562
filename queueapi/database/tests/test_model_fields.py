from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from queueapi.database.model_fields import UnicodeCharField, truncate
from queues.models import QueueItem
from triggers.models import SingleTrigger

SQL_SERVER = SimpleNamespace(vendor="microsoft", features=SimpleNamespace(has_native_uuid_field=0))
IDENTIFIER = UUID("6017cb21-bdab-440c-bca2-0bd6fbb9cb5e")


@pytest.mark.parametrize("model", [QueueItem, SingleTrigger])
def test_an_id_is_a_uniqueidentifier_on_sql_server(model: Any) -> None:
    assert model._meta.pk.db_type(SQL_SERVER) == "uniqueidentifier"


@pytest.mark.parametrize("model", [QueueItem, SingleTrigger])
@pytest.mark.parametrize("value", [IDENTIFIER, str(IDENTIFIER), IDENTIFIER.hex])
def test_an_id_is_sent_to_sql_server_with_dashes(model: Any, value: Any) -> None:
    assert model._meta.pk.get_db_prep_value(value, SQL_SERVER) == str(IDENTIFIER)


def test_no_id_stays_none() -> None:
    assert QueueItem._meta.pk.get_db_prep_value(None, SQL_SERVER) is None


@pytest.mark.django_db
def test_an_id_reads_back_as_a_uuid() -> None:
    QueueItem.objects.create(id=IDENTIFIER, queue_name="q")
    assert QueueItem.objects.get(pk=str(IDENTIFIER)).pk == IDENTIFIER


def test_a_text_has_room_for_emoji_on_sql_server() -> None:
    # Whose lengths are in UTF-16 units, of which an emoji takes two.
    assert UnicodeCharField(max_length=100).db_type(SQL_SERVER) == "nvarchar(200)"


@pytest.mark.parametrize(
    ("text", "units", "beginning"),
    [("abc", 3, "abc"), ("abc", 2, "ab"), ("a🤖b", 3, "a🤖"), ("a🤖b", 2, "a"), ("🤖", 1, "")],
)
def test_a_text_is_cut_between_characters(text: str, units: int, beginning: str) -> None:
    assert truncate(text, units) == beginning
