"""Lists of the admin, which need no `COUNT(*)`."""

import logging

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.http import HttpRequest

logger = logging.getLogger(__name__)

MAX_PAGE = 10**6  # the offset of a larger one may be too large for the database


class UncountedList(ChangeList):
    """List with previous and next page, and no number of pages: `COUNT(*)` reads all rows."""

    # Attributes that Django's templates read.
    full_result_count = paginator = None
    show_full_result_count = can_show_all = multi_page = False
    show_admin_actions = True

    def get_results(self, request: HttpRequest) -> None:
        if self.page_num > MAX_PAGE:
            raise IncorrectLookupParameters
        first = (max(self.page_num, 1) - 1) * self.list_per_page
        try:
            rows = list(self.queryset[first : first + self.list_per_page + 1])
        except Exception as error:  # as Django, whose filters raise errors of any type
            if not request.GET.keys() - {ERROR_FLAG}:
                raise  # the URL has no filter that could be wrong
            logger.warning("Could not read a list: %.500r", error)
            raise IncorrectLookupParameters from error
        if first and not rows:
            # The rows of this page are gone: an action on all of them may have just run.
            self.page_num = 1
            self.get_results(request)
            return
        self.result_list = rows[: self.list_per_page]
        self.result_count = first + len(rows)  # of all pages, if this is the last one
        self.first_number, self.last_number = first + 1, first + len(self.result_list)
        self.previous_page_url = self.page_url(self.page_num - 1) if first else None
        has_next = len(rows) > self.list_per_page
        self.next_page_url = self.page_url(self.page_num + 1) if has_next else None
        self.url_without_search = self.get_query_string({SEARCH_VAR: None})

    def page_url(self, number: int) -> str:
        return self.get_query_string({PAGE_VAR: number})
