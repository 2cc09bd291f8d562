"""OpenOrchestrator's table `Queues`, which its robots read and write too."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error, IntegrityError, connections, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import (
    EARLIEST,
    LATEST,
    TextSize,
    TextStart,
    UnicodeCharField,
    UniqueIdentifierField,
)
from queueapi.database.retries import connection_is_lost, ensure_connection, retry_on_deadlock

# Limits of a search by reference: rows, items, and the size of all messages. A message can have the
# size of a request, and memory holds a response several times.
MOST_SEARCHED = 1000
MOST_RETURNED = 100
MOST_TEXT = 4 * 1024 * 1024
START = 1000  # characters of a text that a list reads
# Seconds after which a push checks the connection again. Within them it relies on the retry of its
# INSERT: firewalls close connections only after minutes, and restarts and failovers are rare.
MAX_IDLE = 5


class QueueItemQuerySet(models.QuerySet["QueueItem"]):
    def push(self, **fields: Any) -> "QueueItem":
        """Insert an item exactly once, even if the connection is lost meanwhile."""
        item = self.model(**fields)
        self.push_all([item])
        return item

    def push_all(self, items: list["QueueItem"]) -> None:
        """Insert all items or none, exactly once, even if the connection is lost meanwhile."""
        insert = partial(self._insert_without_nulls, items)
        # A transaction needs the check: FreeTDS waits without a time-out for its BEGIN.
        before = ensure_connection(MAX_IDLE if len(items) == 1 else 0)
        try:
            retry_on_deadlock(insert)
        except Error:
            if not connection_is_lost(before):
                raise
            try:
                retry_on_deadlock(insert)
            except IntegrityError:
                # The ids are those of the first try, which may have been committed.
                if not self.filter(pk=items[0].pk).exists():
                    raise
        for item in items:
            item._state.adding = False
            item._state.db = self.db

    def _insert_without_nulls(self, items: list["QueueItem"]) -> None:
        """Insert items in statements that name only columns with a value.

        Each NULL costs mssql-python one more round trip (its issue 610). Expressions are not
        supported. Django's `_insert()` would take a fifth more of a bulk's CPU time.
        """
        database = connections[self.db]
        quote = database.ops.quote_name
        groups = defaultdict(list)  # rows by their columns
        for item in items:
            row = {
                str(field.column): field.get_db_prep_save(value, database)
                for field in self.model._meta.concrete_fields
                if (value := getattr(item, field.attname)) is not None
            }
            groups[tuple(row)].append(row.values())
        if len(items) == 1:  # one statement, without a transaction
            atomic = transaction.mark_for_rollback_on_error(self.db)  # as Model.save_base() does
        else:
            atomic = transaction.atomic(self.db, savepoint=False)
        with atomic, database.cursor() as cursor:
            for columns, rows in groups.items():
                into = f"{quote(self.model._meta.db_table)} ({', '.join(map(quote, columns))})"
                marks = f"({', '.join(['%s'] * len(columns))})"
                size = database.ops.bulk_batch_size(columns, rows)  # by the number of columns
                for start in range(0, len(rows), size):
                    batch = rows[start : start + size]
                    sql = f"INSERT INTO {into} VALUES {', '.join([marks] * len(batch))}"  # noqa: S608  only names
                    cursor.execute(sql, list(chain.from_iterable(batch)))

    def newest_with_reference(
        self,
        reference: str,
        queue_name: str | None = None,
        *,
        is_allowed: Callable[[str], bool],
    ) -> tuple[list["QueueItem"], bool]:
        """Return items with this reference, newest first, and whether there may be more.

        They are in the queue, if one is given, and in queues whose name `is_allowed`. Texts are
        compared as Python does, since SQL Server's collations ignore case, width or final spaces.
        """
        found = self.filter(reference=reference).order_by("-created_date")
        rows = found.values_list("pk", "reference", "queue_name", TextSize("message"))
        newest = list(rows[: MOST_SEARCHED + 1])
        may_be_more = len(newest) > MOST_SEARCHED
        ids: list[UUID] = []
        text = 0
        for pk, stored, queue, size in newest[:MOST_SEARCHED]:
            if stored != reference or queue_name not in (None, queue) or not is_allowed(queue):
                continue
            text += size or 0
            if len(ids) == MOST_RETURNED or (ids and text > MOST_TEXT):
                may_be_more = True
                break
            ids.append(pk)
        items = self.in_bulk(ids)
        return [items[pk] for pk in ids if pk in items], may_be_more

    def with_text_starts(self) -> Self:
        """Leave out the long texts, and add their `START` characters and one more."""
        starts = {f"start_of_{name}": TextStart(name, START + 1) for name in ("data", "message")}
        return self.defer("data", "message").annotate(**starts)

    def requeue(self) -> int:
        """Set the items to NEW without times, so that robots take them again."""
        return self.update(status=QueueItem.Status.NEW, start_date=None, end_date=None)

    def fail(self, message: str) -> int:
        """Set the items to FAILED, with a message that says why."""
        return self.update(status=QueueItem.Status.FAILED, end_date=timezone.now(), message=message)

    def abandon(self) -> int:
        """Set the items to ABANDONED, so that no robot takes them."""
        return self.update(status=QueueItem.Status.ABANDONED, end_date=timezone.now())

    def ended_between(self, first: datetime | None, last: datetime | None) -> Self:
        """Return items with a final status that ended between these times (`None`: no limit)."""
        ended = self.filter(status__in=QueueItem.FINAL_STATUSES).alias(ended_at=QueueItem.ended())
        return ended.filter(ended_at__range=(first or EARLIEST, last or LATEST))

    def parts_by_end(
        self, first: datetime | None, last: datetime | None, statuses: Iterable[str]
    ) -> Iterator[Self]:
        """Yield disjoint parts of `ended_between`, with the end of each item as `ended_at`.

        An index has each of them in the order of `ended_at`.
        """
        times = (first or EARLIEST, last or LATEST)
        for status in statuses:
            items = self.filter(status=status)
            yield items.filter(end_date__range=times).annotate(ended_at=F("end_date"))
            unended = items.filter(end_date=None, created_date__range=times)
            yield unended.annotate(ended_at=F("created_date"))

    def failed_since(self, first: datetime) -> Self:
        """Return FAILED items that ended at `first` or later, the latest first."""
        failed = self.filter(status=QueueItem.Status.FAILED).ended_between(first, None)
        return failed.order_by(QueueItem.ended().desc())

    def stuck(self, age: timedelta | None = None) -> Self:
        """Return IN_PROGRESS items that were started longer ago than `age` or `STUCK_AFTER`."""
        long_ago = timezone.now() - (settings.STUCK_AFTER if age is None else age)
        return self.filter(
            Q(start_date__lt=long_ago) | Q(start_date=None, created_date__lt=long_ago),
            status=QueueItem.Status.IN_PROGRESS,
        )


class QueueItem(models.Model):
    """A piece of work for a robot."""

    class Status(models.TextChoices):
        """The values of the column. Any other text makes OpenOrchestrator's readers raise."""

        NEW = "NEW", _("New")
        IN_PROGRESS = "IN_PROGRESS", _("In progress")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")
        ABANDONED = "ABANDONED", _("Abandoned")

    FINAL_STATUSES = [Status.DONE, Status.FAILED, Status.ABANDONED]

    id = UniqueIdentifierField("ID", primary_key=True, default=uuid4, editable=False)
    queue_name = UnicodeCharField(_("queue"), max_length=100)
    status = UnicodeCharField(_("status"), max_length=11, choices=Status, default=Status.NEW)
    data = UnicodeCharField(_("data"), max_length=2000, null=True, blank=True)
    reference = UnicodeCharField(_("reference"), max_length=100, null=True, blank=True)
    created_date = models.DateTimeField(_("created"), default=timezone.now)
    start_date = models.DateTimeField(_("started"), null=True, blank=True)
    end_date = models.DateTimeField(_("ended"), null=True, blank=True)
    message = models.TextField(_("message"), null=True, blank=True)
    created_by = UnicodeCharField(_("created by"), max_length=100, null=True, blank=True)

    objects = QueueItemQuerySet.as_manager()

    class Meta:
        db_table = "Queues"
        verbose_name = _("queue item")
        verbose_name_plural = _("queue items")
        indexes = [
            models.Index(fields=["queue_name"], name="ix_Queues_queue_name"),
            models.Index(fields=["created_date"], name="ix_Queues_created_date"),
            models.Index(fields=["reference", "created_date"], name="ix_Queues_reference_created"),
            models.Index(
                fields=["status", "queue_name", "created_date", "end_date"],
                name="ix_Queues_status_queue_name",
            ),
            # For the admin's list, by status or queue, and by time of creation or of the end.
            models.Index(fields=["status", "created_date"], name="ix_Queues_status_created"),
            models.Index(fields=["queue_name", "created_date"], name="ix_Queues_queue_created"),
            models.Index(
                fields=["status", "end_date", "created_date"], name="ix_Queues_status_ended"
            ),
            models.Index(
                fields=["status", "queue_name", "end_date", "created_date"],
                name="ix_Queues_status_queue_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_name} {self.reference or self.pk}"

    @staticmethod
    def ended() -> Coalesce:
        """Return an expression for the end of an item with a final status.

        Items pushed with a final status have no `end_date`; use `created_date`.
        """
        return Coalesce("end_date", "created_date")

    def set_status(self, status: str) -> list[str]:
        """Set the status and its time, without saving; return the names of the changed fields.

        `OpenOrchestrator.database.db_util.set_queue_element_status` is the source. It leaves the
        times of a NEW item, which are cleared here.
        """
        now = timezone.now()
        self.status = status
        if status == self.Status.NEW:
            self.start_date = self.end_date = None
            return ["status", "start_date", "end_date"]
        if status == self.Status.IN_PROGRESS:
            self.start_date = now
            return ["status", "start_date"]
        self.end_date = now
        return ["status", "end_date"]

    @property
    def duration(self) -> timedelta | None:
        """The time from start to end, or to now while in progress; `None` if it is unknown."""
        if self.start_date is None:
            return None
        end = timezone.now() if self.status == self.Status.IN_PROGRESS else self.end_date
        return end - self.start_date if end and end >= self.start_date else None
