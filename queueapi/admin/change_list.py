"""Lists of the admin, which never count or skip more than `MAX_ROWS`."""

import logging
from contextlib import suppress
from functools import cached_property
from math import ceil
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.db import Error, OperationalError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from queueapi.database.time_limits import time_limit

logger = logging.getLogger(__name__)

MAX_ROWS = 10_000  # that pages reach from the first and from the last row, and that are counted
SIZE_VAR, SIZES = "rows", [25, 50, 100, 200]  # rows of a page
SCOPE_VAR, TEXTS = "in", "texts"  # of a search that should read long texts too


class BoundedList(ChangeList):
    """List with pages from the first row, and with negative numbers from the last one."""

    other_parameters = {SIZE_VAR, SCOPE_VAR}  # that are not of filters

    # Attributes that Django's templates read.
    full_result_count = paginator = None
    show_full_result_count = can_show_all = multi_page = False
    show_admin_actions = True

    result_list: list[Any] = []
    result_count = 0
    previous_page_url = next_page_url = ""
    error: Any = ""  # instead of rows

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {name: found[name] for name in found if name not in self.other_parameters}

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        self.lookups = list(found[2])  # filters of the URL that no visible filter shows
        return found

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        rows = super().get_queryset(request, *args, **kwargs)
        self.clear_all_filters_qs = self.get_query_string(dict.fromkeys(self.get_filters_params()))
        errors = (getattr(spec, "error", "") for spec in self.filter_specs)
        self.error = self.error or next(filter(None, errors), "")
        # No action runs on rows of which the page shows none.
        return rows.none() if self.error else rows

    @cached_property
    def filtered_by(self) -> list[tuple[Any, str]]:
        """Return name and value of each filter of the URL."""
        filters: list[tuple[Any, str]] = []
        for spec in self.filter_specs:
            names = [name for name in spec.expected_parameters() if name in self.filter_params]
            if values := [value for name in names for value in self.filter_params[name] if value]:
                shown = [choice["display"] for choice in spec.choices(self) if choice["selected"]]
                filters.append((spec.title, ", ".join(map(str, shown or values))))
        for lookup in self.lookups:
            name, *comparison = lookup.removesuffix("__exact").split("__")
            label = " ".join([str(label_for_field(name, self.model)), *comparison])
            filters.append((label, ", ".join(self.filter_params[lookup])))
        return filters

    def get_results(self, request: HttpRequest) -> None:
        size = request.GET.get(SIZE_VAR, "")
        if size in map(str, SIZES):
            self.list_per_page = int(size)
        self.sizes = [(each, self.get_query_string({SIZE_VAR: each})) for each in SIZES]
        self.url_without_search = self.get_query_string({SEARCH_VAR: None})
        try:
            with time_limit():
                self.read_page()
        except Exception as error:  # as Django, whose filters raise errors of any type
            if not request.GET.keys() - {ERROR_FLAG}:
                raise  # the URL has no filter that could be wrong
            logger.warning("Could not read a list: %.500r", error)
            if not isinstance(error, OperationalError):
                raise IncorrectLookupParameters from error
            self.total = None
            self.error = _(
                "The search took too long and was stopped. Choose a queue, a status or a time "
                "first, then search again."
            )

    def read_page(self) -> None:
        """Read the rows of the page, or of the first page if this one has none."""
        size, number = self.list_per_page, self.page_num or 1
        first = (abs(number) - 1) * size
        rows: list[Any] = []
        if first < MAX_ROWS:
            rows = self.rows(first, first + size + 1, from_end=number < 0)
        else:
            self.error = _(
                "Pages end after 10,000 rows. Choose a filter, or begin at the other end."
            )
        if first and not rows and not self.error:
            # The rows of this page are gone: an action on all of them may have just run.
            number, first = 1, 0
            rows = self.rows(first, size + 1, from_end=False)
        has_more, step = len(rows) > size, 1 if number > 0 else -1
        self.page_num, self.result_list = number, rows[:size][::step]
        self.first_number, self.last_number = first + 1, first + len(self.result_list)
        if rows and number > 0 and not has_more and self.is_counted:
            self.total = self.last_number  # without a query
        self.result_count = self.total or first + len(rows)
        self.has_many = self.result_count > MAX_ROWS
        last = -1 if self.has_many else ceil((self.total or 0) / size)
        self.first_page_url, self.last_page_url = self.page_url(1), self.page_url(last)
        near = self.page_url(number - step if first else 0)
        far = self.page_url(number + step if has_more else 0)
        self.previous_page_url, self.next_page_url = (near, far)[::step]

    def page_url(self, number: int) -> str:
        return self.get_query_string({PAGE_VAR: number}) if number else ""

    def rows(self, first: int, last: int, *, from_end: bool) -> list[Any]:
        """Hook: return these rows of the list, or of the reversed list."""
        return list((self.queryset.reverse() if from_end else self.queryset)[first:last])

    @property
    def is_counted(self) -> bool:
        """Hook: return whether the rows are counted, which should need an index only."""
        return not self.query

    def parts(self) -> list[Any]:
        """Hook: return disjoint parts of the list, each of which has an index."""
        return [self.queryset.order_by()]

    @cached_property
    def total(self) -> int | None:
        """Return the number of rows; `MAX_ROWS + 1` if there are more, `None` if not counted."""
        if not self.is_counted:
            return None
        total = 0
        with suppress(Error), time_limit():  # the query of the rows has the same problem
            for part in self.parts():
                total += part[: MAX_ROWS + 1 - total].count()
            return total
        return None
