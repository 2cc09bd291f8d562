from itertools import chain, combinations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Value
from django.db.models.functions import Upper

from queueapi.database.inserts import insert
from queues.models import QueueItem

GIVEN = {
    "data": "{}",
    "reference": "ERP-1",
    "message": "Hej",
    "created_by": "ERP",
    "status": "DONE",
}
SUBSETS = [
    dict(chosen)
    for chosen in chain.from_iterable(combinations(GIVEN.items(), n) for n in range(len(GIVEN) + 1))
]


@pytest.mark.django_db
def test_what_is_given_is_stored_and_the_rest_is_null() -> None:
    # Twice, since the second of a kind uses the text of the first.
    for given in (*SUBSETS, *reversed(SUBSETS)):
        item = QueueItem(queue_name="q", **given)
        insert(item, "default")
        stored = QueueItem.objects.values().get(pk=item.pk)
        expected = {**dict.fromkeys(GIVEN), "status": "NEW", **given}
        assert {name: stored[name] for name in GIVEN} == expected


@pytest.mark.django_db
def test_an_expression_is_refused_and_leaves_no_trace_in_the_text_that_is_kept() -> None:
    with pytest.raises(TypeError):
        insert(QueueItem(queue_name=Upper(Value("x"))), "default")
    insert(QueueItem(queue_name="Lower case"), "default")
    assert QueueItem.objects.get().queue_name == "Lower case"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_in_which_it_failed_is_rolled_back() -> None:
    item = QueueItem(queue_name="q")
    insert(item, "default")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert(QueueItem(pk=item.pk, queue_name="other"), "default")
        assert transaction.get_rollback()


@pytest.mark.django_db(transaction=True)
def test_an_id_that_is_there_already_is_refused() -> None:
    item = QueueItem(queue_name="q")
    insert(item, "default")
    with pytest.raises(IntegrityError):
        insert(QueueItem(pk=item.pk, queue_name="other"), "default")
    assert connection.is_usable()
