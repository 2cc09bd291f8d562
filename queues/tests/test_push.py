"""`QueueItem.objects.push()` and `push_all()`: INSERTs of the columns that have a value."""

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from queues.models import QueueItem

TEXTS = {
    "status": "DONE",
    "data": "{}",
    "reference": "ERP-1",
    "message": "Hej",
    "created_by": "ERP",
}


@pytest.mark.django_db
def test_push_stores_all_fields() -> None:
    item = QueueItem.objects.push(queue_name="q", **TEXTS)
    assert QueueItem.objects.values(*TEXTS).get(pk=item.pk) == TEXTS


@pytest.mark.django_db
def test_fields_without_a_value_are_null() -> None:
    item = QueueItem.objects.push(queue_name="q", message=None)
    expected = {**dict.fromkeys(TEXTS), "status": "NEW"}
    assert QueueItem.objects.values(*TEXTS).get(pk=item.pk) == expected


@pytest.mark.django_db
def test_push_is_one_insert_without_null_columns(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1) as queries:
        QueueItem.objects.push(queue_name="q", reference="ERP-1", message=None)
    columns, _ = queries[0]["sql"].split("VALUES")
    assert "reference" in columns
    assert "message" not in columns
    assert "end_date" not in columns


@pytest.mark.django_db(transaction=True)
def test_failed_push_marks_the_transaction_for_rollback() -> None:
    item = QueueItem.objects.push(queue_name="q")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            QueueItem.objects.push(pk=item.pk, queue_name="other")
        assert transaction.get_rollback()


@pytest.mark.django_db
def test_push_all_stores_all_fields() -> None:
    items = [QueueItem(queue_name="q", **TEXTS), QueueItem(queue_name="q")]
    QueueItem.objects.push_all(items)
    nothing = {**dict.fromkeys(TEXTS), "status": "NEW"}
    for item, expected in zip(items, [TEXTS, nothing], strict=True):
        assert QueueItem.objects.values(*TEXTS).get(pk=item.pk) == expected


@pytest.mark.django_db
def test_push_all_is_one_insert_for_each_set_of_columns(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    # the items with a reference, and those without
    with django_assert_num_queries(2) as queries:
        QueueItem.objects.push_all(
            [QueueItem(queue_name="q", reference=reference) for reference in ("r", None) * 10]
        )
    assert ["reference" in query["sql"] for query in queries] == [True, False]
    assert not any("NULL" in query["sql"] for query in queries)


@pytest.mark.django_db(transaction=True)
def test_push_all_is_one_transaction(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # BEGIN, two INSERTs, COMMIT
    with django_assert_num_queries(4):
        QueueItem.objects.push_all([QueueItem(queue_name="q"), QueueItem(queue_name="q", data="")])


@pytest.mark.django_db(transaction=True)
def test_push_all_stores_all_or_nothing() -> None:
    first = QueueItem.objects.push(queue_name="q")
    with pytest.raises(IntegrityError):
        QueueItem.objects.push_all(
            [QueueItem(queue_name="q"), QueueItem(pk=first.pk, queue_name="q", reference="r")]
        )
    assert QueueItem.objects.get() == first
    assert connection.get_autocommit()


@pytest.mark.django_db(transaction=True)
def test_failed_push_all_marks_the_transaction_for_rollback() -> None:
    item = QueueItem.objects.push(queue_name="q")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            QueueItem.objects.push_all([QueueItem(queue_name="q"), item])
        assert transaction.get_rollback()
