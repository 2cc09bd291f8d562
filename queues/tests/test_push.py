"""`QueueItem.objects.push()`: one INSERT, of the columns that have a value."""

import pytest
from django.db import IntegrityError, transaction
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
