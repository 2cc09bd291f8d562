"""Undoing migrations on SQL Server, whose columns are typed."""

import subprocess
from collections.abc import Iterator

import pytest
from django.db import connection

from queueapi.database.columns import columns_of
from queueapi.database.indexes import indexes_on
from queueapi.tests.helpers import database_url, manage
from queues.models import QueueItem

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'microsoft'", reason="SQLite's types are not strict"),
]

TEXTS = ["queue_name", "status", "data", "reference", "message", "created_by"]


def migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return manage("migrate", *arguments, DATABASE_URL=database_url())


@pytest.fixture(autouse=True)
def migrate_again() -> Iterator[None]:
    yield
    QueueItem.objects.all().delete()
    migrate().check_returncode()


def types() -> list[str]:
    columns = columns_of(connection, "Queues")
    return [str(columns[name]) for name in TEXTS]


def test_it_works() -> None:
    QueueItem.objects.push(queue_name="Løn", data="æøå", created_by=" spaces ")
    before = QueueItem.objects.values().get(), types(), indexes_on(connection, "Queues", TEXTS)

    migrate("queues", "0001").check_returncode()
    assert types() == [
        *("varchar(100)", "varchar(11)", "varchar(2000)"),
        *("varchar(100)", "varchar(1000)", "varchar(100)"),
    ]

    migrate().check_returncode()
    after = QueueItem.objects.values().get(), types(), indexes_on(connection, "Queues", TEXTS)
    assert after == before


def test_index_of_a_dba_is_created_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX [of the DBA] ON [Queues] ([reference] DESC) INCLUDE ([created_by])"
        )
    try:
        before = indexes_on(connection, "Queues", ["reference"])
        migrate("queues", "0001").check_returncode()
        assert indexes_on(connection, "Queues", ["reference"]) == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX [of the DBA] ON [Queues]")


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("queue_name", "🤖"),
        ("reference", "日本"),
        ("message", "x" * 1001),
        ("data", "🤖" * 2000),
        ("created_by", "🤖" * 100),
    ],
)
def test_undoing_is_refused_if_a_text_does_not_fit(column: str, text: str) -> None:
    QueueItem.objects.push(**{"queue_name": "q", column: text})
    before = types()
    result = migrate("queues", "0001")
    assert result.returncode == 1
    assert f"would lose text in Queues.{column} (1 row)." in result.stderr
    assert types() == before


@pytest.mark.parametrize("text", ["x" * 100, "é" * 100, "x ", ""])
def test_undoing_accepts_texts_that_fit(text: str) -> None:
    QueueItem.objects.push(queue_name="q", reference=text)
    migrate("queues", "0001").check_returncode()
