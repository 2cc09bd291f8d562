"""What every page of the back office has: a trail of changes, and lists that don't count."""

import logging
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext

from queueapi.admin import audit

logger = logging.getLogger(__name__)

LAST_PAGE = 10**6  # beyond it, numbers grow too large for databases
LONGEST_SEARCH = 20  # words, each of which is looked for in each field


class UncountedList(ChangeList):
    """A list that knows whether there is a next page, and not how many: `COUNT(*)` reads it all."""

    def get_results(self, request: HttpRequest) -> None:
        if self.page_num > LAST_PAGE:
            raise IncorrectLookupParameters
        first = (max(self.page_num, 1) - 1) * self.list_per_page
        try:
            rows = list(self.queryset[first : first + self.list_per_page + 1])
        except Exception as error:  # of any type, as where Django applies the URL's filters
            if not request.GET.keys() - {ERROR_FLAG}:
                raise  # the fault is not in the URL
            logger.warning("Could not read a list: %.500r", error)
            raise IncorrectLookupParameters from error
        if first and not rows:
            # Its rows are gone. Not an error: an action on them may be under way.
            self.page_num = 1
            self.get_results(request)
            return
        self.result_list = rows[: self.list_per_page]
        # All there are, if there is no next page.
        self.result_count = first + len(rows)
        self.first_number, self.last_number = first + 1, first + len(self.result_list)
        self.has_next = len(rows) > self.list_per_page
        self.previous_page = self.page(self.page_num - 1) if first else None
        self.next_page = self.page(self.page_num + 1) if self.has_next else None
        self.without_search = self.get_query_string({SEARCH_VAR: None})
        # What the templates ask beyond that.
        self.full_result_count = None
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = None

    def page(self, number: int) -> str:
        return self.get_query_string({PAGE_VAR: number})


class AuditedAdmin(admin.ModelAdmin):
    """Each change is logged with the old and the new value of each field."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # which are counts

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UncountedList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Django's rule without regular expressions, whose errors only the database finds."""
        return not lookup.endswith("regex") and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if ERROR_FLAG in request.GET:
            text = gettext(
                "Unknown filter in the URL, or the search took too long. All rows are shown. "
                "Choose a filter first, then search again."
            )
            self.message_user(request, text, messages.WARNING)
        texts = {
            "title": capfirst(self.opts.verbose_name_plural),
            # Instead of a number, which would take a count.
            "selection_note_all": gettext("All that match are selected"),
        }
        return super().changelist_view(request, {**texts, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        if "_saveasnew" in request.POST:  # Django adds a row, although no page offers it
            raise PermissionDenied
        return super().change_view(request, object_id, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return super().get_object(request, object_id, from_field or None)  # `?_to_field=`

    def response_action(
        self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any
    ) -> Any:
        try:
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(pk, None)
            return super().response_action(request, queryset, *args, **kwargs)
        except ValidationError:
            self.refuse(request, gettext("these are no rows of this list."))
        except Error:
            logger.exception("Could not run an action")
            self.refuse(request, gettext("the database failed or timed out. Try fewer rows."))
        return None

    def refuse(self, request: HttpRequest, text: str) -> None:
        self.message_user(request, gettext("Nothing was done:") + " " + text, messages.WARNING)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        words = search_term.split()
        if len(words) > LONGEST_SEARCH:
            search_term = " ".join(words[:LONGEST_SEARCH])
        return super().get_search_results(request, queryset, search_term)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return audit.record(request.user.pk, ADDITION, [(obj, message)])

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing, if nothing changed."""
        return audit.record(request.user.pk, CHANGE, [(obj, message)]) if message else None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = [(row, self.deletion_message(row)) for row in queryset]
        return audit.record(request.user.pk, DELETION, entries)

    def deletion_message(self, row: Any) -> list[audit.Change] | str:
        """Return what the log keeps of a deleted row, besides its name."""
        values = audit.values(row)
        return audit.difference(type(row), values, dict.fromkeys(values))

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        changed = {name: form.cleaned_data.get(name) for name in form.changed_data}
        return audit.difference(self.model, form.initial, changed)


class ViewOnlyAdmin(AuditedAdmin):
    """Rows to look at, not to change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
