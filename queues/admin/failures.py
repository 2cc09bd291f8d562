"""The page of failures: failed items in groups, which are shown, requeued or abandoned as one."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import Error
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from queueapi.admin.bulk_actions import BulkActionsAdmin
from queues.admin.actions import ABANDON, REQUEUE, Status
from queues.admin.filters import EndedFilter, QueueFilter
from queues.admin.item_list import ItemList
from queues.failures import group_failures
from queues.item_chart import iso
from queues.models import QueueItem
from queues.queue_statistics import start_of

GROUP_VAR = "failure"


class FailureList(ItemList):
    """Groups of the items that the filters choose, and the table of the items of one of them."""

    other_parameters = {*ItemList.other_parameters, GROUP_VAR}
    formset = None  # read by Django's table

    def __init__(self, request: HttpRequest, page: "FailuresPage") -> None:
        options: list[Any] = [request, QueueItem, page.list_display, page.list_display_links]
        options += [[QueueFilter, EndedFilter], None, (), False, page.list_per_page, 0, ()]
        options += [page, (), ""]
        super().__init__(*options)

    def get_results(self, request: HttpRequest) -> None:
        self.groups, self.has_more = group_failures(self.queryset)
        self.number = sum(len(group.ids) for group in self.groups)
        # The URLs of groups end here, so that later failures are in none of them. Clocks of robots
        # may be ahead.
        latest = max([timezone.now(), *(group.last for group in self.groups)])
        self.until = request.GET.get("ended_to") or iso(latest)
        key = request.GET.get(GROUP_VAR, "")
        self.group = next((group for group in self.groups if group.key == key), None)
        rows: list[Any] = self.group.ids if self.group else self.groups
        self.page = Paginator(rows, self.list_per_page).get_page(request.GET.get(PAGE_VAR))
        if self.group:
            found = QueueItem.objects.with_text_starts().in_bulk(self.page.object_list)
            self.result_list = [found[pk] for pk in self.page.object_list if pk in found]


class FailuresPage(BulkActionsAdmin):
    """Mixin: the page of failures, at `failures/`, and those of groups, at `?failure=`."""

    def get_urls(self) -> list[Any]:
        return [self.page_path("failures/", self.failures_view, "failures"), *super().get_urls()]

    def failures_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not request.GET.keys() & {"ended_from", "ended_to"}:
            query = request.GET.copy()
            query["ended_from"] = iso(start_of(timezone.now()))  # as on the dashboard
            return HttpResponseRedirect(f"?{query.urlencode()}")
        try:
            items = FailureList(request, self)
        except (IncorrectLookupParameters, Error):
            return HttpResponseRedirect(f"{self.changelist_url}?{ERROR_FLAG}=1")
        if request.GET.get(GROUP_VAR) and not items.group:
            text = _("No item of this group is failed any more.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(items.get_query_string(remove=[GROUP_VAR]))
        permitted = self.get_actions(request)
        actions = {each.name: each for each in (REQUEUE, ABANDON) if each.name in permitted}
        if request.method == "POST":
            action = actions.get(request.POST.get("action", ""))
            if not action or not items.group:
                raise PermissionDenied
            rows = ((pk, Status.FAILED) for pk in items.group.ids)
            return self.confirm_rows(request, rows, action)
        context = {
            "title": _("Failures"),
            "cl": items,
            "page": items.page,
            "group": items.group,
            "actions": actions.values(),
            "actions_on_top": True,  # otherwise Django's template has an inline style
        }
        return self.page(request, "queues/failures.html", **context)
