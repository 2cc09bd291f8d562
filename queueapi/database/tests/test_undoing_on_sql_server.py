"""Going back to OpenOrchestrator's columns and forth again, on a server with types."""

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


def migrate(*arguments: str):
    return manage("migrate", *arguments, DATABASE_URL=database_url())


@pytest.fixture(autouse=True)
def forth_again():
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


def test_an_index_of_somebody_else_is_there_again() -> None:
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
def test_it_refuses_to_lose_a_text(column: str, text: str) -> None:
    QueueItem.objects.push(**{"queue_name": "q", column: text})
    before = types()
    result = migrate("queues", "0001")
    assert result.returncode == 1
    assert f"would lose text in Queues.{column} (1 row)." in result.stderr
    assert types() == before


@pytest.mark.parametrize("text", ["x" * 100, "é" * 100, "x ", ""])
def test_it_refuses_no_text_that_fits(text: str) -> None:
    QueueItem.objects.push(queue_name="q", reference=text)
    migrate("queues", "0001").check_returncode()
