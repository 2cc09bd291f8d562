"""The list of queue items, whose filters, searches and orders each use an index."""

from heapq import merge
from itertools import islice
from typing import Any

from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext as _

from queueapi.admin.change_list import MAX_ROWS, SCOPE_VAR, TEXTS, BoundedList
from queueapi.admin.filters import SeveralChoicesFilter
from queues.admin.filters import CreatorFilter, EndedFilter
from queues.models import QueueItem

# Orders that have an index without filters. Links may name one, also with a `-` before.
ORDERS = ["created_date", "queue_name", "status", "reference"]


class ItemList(BoundedList):
    """List in the order of an index: that of creation, or that which the filters leave.

    Up to `MAX_ROWS` items are sorted in any of `ORDERS`.
    """

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet:
        """Return all items of the list in its order. A page reads them another way: `rows`."""
        self.queryset = super().get_queryset(request, *args, **kwargs)
        self.used_filters = {
            type(spec): spec for spec in self.filter_specs if any(spec.used_parameters.values())
        }
        self.reads_texts = bool(self.query) and self.params.get(SCOPE_VAR) == TEXTS
        self.reads_references = bool(self.query) and not self.reads_texts
        self.order = self.params.get(ORDER_VAR, "")
        if self.order and self.order.removeprefix("-") not in ORDERS:
            self.order = str(self.queryset.query.order_by[0])  # that of the number of a column
        if not self.can_order_by(self.order.removeprefix("-")):
            first = self.indexed_orders[0]
            self.order = first if first == "reference" else f"-{first}"
        items: QuerySet = self.queryset.order_by(*self.ordering(self.order))
        return items

    @property
    def indexed_orders(self) -> list[str]:
        if any(self.ended):
            return ["ended_at"]
        if self.reads_references:
            return ["reference"]
        return ORDERS[:1] if self.used_filters or self.lookups or self.query else ORDERS

    def can_order_by(self, field: Any) -> bool:
        if field in self.indexed_orders:
            return True
        return field in ORDERS and self.total is not None and self.total <= MAX_ROWS

    @staticmethod
    def ordering(order: str, key: str = "") -> list[str]:
        """Return the fields of an order, all in its direction; `key` replaces the first."""
        sign, field = "-" if order.startswith("-") else "", order.removeprefix("-")
        created = [] if field in ("created_date", "ended_at") else ["created_date"]
        return [f"{sign}{each}" for each in (key or field, *created, "pk")]

    @property
    def ended(self) -> tuple[Any, Any]:
        return getattr(self.used_filters.get(EndedFilter), "bounds", (None, None))

    @property
    def is_counted(self) -> bool:
        """Return whether the columns of one index are enough."""
        reads_rows = self.reads_texts or self.lookups or CreatorFilter in self.used_filters
        return not reads_rows and not (self.reads_references and self.used_filters)

    def parts(self) -> list[QuerySet]:
        items: Any = self.queryset.order_by()
        statuses = getattr(self.used_filters.get(SeveralChoicesFilter), "chosen", [])
        if any(self.ended):
            final = [each for each in QueueItem.FINAL_STATUSES if each in statuses or not statuses]
            return list(items.parts_by_end(*self.ended, final))
        if len(statuses) > 1 and not self.reads_references:
            return [items.filter(status=status) for status in statuses]
        return [items]

    def rows(self, first: int, last: int, *, from_end: bool) -> list[Any]:
        """Read the ids of each part in the order of its index, merge them, and read the rows."""
        field = self.order.removeprefix("-")
        is_descending = self.order.startswith("-") != from_end
        key: Any
        key, parts = F(field), self.parts()
        if field not in self.indexed_orders:
            # No index has this expression. By one of `field`, SQLite would read the whole table.
            key, parts = Coalesce(field, field), [self.queryset]
        order = self.ordering("-" * is_descending + field, "sort_key")
        ids_of_parts = [
            part.annotate(sort_key=key).order_by(*order).values_list("sort_key", "pk")[:last]
            for part in parts
        ]
        merged = islice(merge(*ids_of_parts, reverse=is_descending), first, last)
        ids = [pk for _key, pk in merged]
        # By id alone, because SQLite would choose the index of a frequent status.
        root: Any = self.root_queryset.order_by()
        items = root.with_text_starts().in_bulk(ids)
        return [items[pk] for pk in ids if pk in items]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names: Any = self.list_display
        self.sortable_by = [
            name for name in names if self.can_order_by(self.get_ordering_field(name))
        ]
        self.texts_url = self.get_query_string({SCOPE_VAR: TEXTS}) if self.reads_references else ""
        self.order_note = _("Sorted by the time of the end.") if any(self.ended) else ""

    def get_ordering_field_columns(self) -> Any:
        field = self.order.removeprefix("-")
        direction = "desc" if self.order.startswith("-") else "asc"
        fields = map(self.get_ordering_field, self.list_display)
        return {column: direction for column, each in enumerate(fields) if each == field}
