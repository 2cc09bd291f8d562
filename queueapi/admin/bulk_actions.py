"""Admin actions on selected rows: their declaration, and the confirmation page."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME as CHECKBOX
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext

from queueapi.admin.action_steps import ActionStepsAdmin
from queueapi.admin.selected_rows import Selection

SHOWN = 20  # rows that the confirmation page lists


@dataclass(eq=False)
class Action:
    """An action for `ModelAdmin.actions`. Its texts are lazy translations."""

    label: Any
    explanation: Any
    method: str = ""  # of the queryset; empty if the action changes nothing
    name: str = ""  # by default that of the method
    permission: str = "change"
    allowed_statuses: Collection[str] = ()  # empty: all
    excluded_statuses: Collection[str] = ()
    warnings: Mapping[str, Any] = field(default_factory=dict)  # by status

    do_not_call_in_templates = True

    def __post_init__(self) -> None:
        self.name = self.name or self.method
        # The attributes that Django reads of an action function.
        self.__name__ = self.name
        self.short_description = self.label
        self.allowed_permissions = [self.permission]

    def __call__(
        self, model_admin: "BulkActionsAdmin", request: HttpRequest, queryset: QuerySet
    ) -> HttpResponseBase:
        if "confirmed" in request.POST and not self.method:
            return model_admin.export(request, queryset)
        return model_admin.confirm(request, queryset, self)

    def applies_to(self, status: str) -> bool:
        is_allowed = not self.allowed_statuses or status in self.allowed_statuses
        return is_allowed and status not in self.excluded_statuses


class BulkActionsAdmin(ActionStepsAdmin):
    """Run actions on selected rows after a confirmation page.

    The confirmation page posts the token of the saved selection. Only rows that still have the
    status shown on that page change. An action without a method changes nothing, such as an export:
    nothing is saved, and the page posts the choice of rows again.
    """

    actions: Sequence[Action]
    change_form_template = "queueapi/row_change_form.html"
    change_list_template = "queueapi/row_change_list.html"
    state: Callable[..., str]  # the badge of a row's status

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        names = self.get_actions(request)
        permitted = {action.name: action for action in self.actions if action.name in names}
        if "selection" in request.POST:
            if (action := permitted.get(request.POST.get("action", ""))) is None:
                raise PermissionDenied
            return self.step(request, action)
        kept: Iterable[Selection] = ()
        with suppress(*settings.CACHE_ERRORS):
            kept = Selection.kept(self.owner(request)).values()
        begun = (each for each in kept if each.is_begun)
        unfinished = [(permitted[each.action], each) for each in begun if each.action in permitted]
        return super().changelist_view(request, {"unfinished": unfinished, **(extra_context or {})})

    def export(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase:
        """Hook: respond to a confirmed action without a method, with rows in the list's order."""
        raise NotImplementedError

    def confirm(self, request: HttpRequest, queryset: QuerySet, action: Action) -> HttpResponse:
        """Return the confirmation page, or a redirect if there is nothing to confirm."""
        rows = queryset.exclude(**{f"{self.status_field}__in": action.excluded_statuses})
        if action.allowed_statuses:
            rows = rows.filter(**{f"{self.status_field}__in": action.allowed_statuses})
        if action.method:
            pairs = rows.order_by().values_list("pk", self.status_field).iterator()
            return self.confirm_rows(request, pairs, action)
        by_status = rows.order_by().values_list(self.status_field).annotate(count=Count("pk"))
        ids = list(rows.values_list("pk", flat=True)[:SHOWN])
        # The list finds the same rows once more.
        fields = [("confirmed", "1"), ("select_across", request.POST.get("select_across", "0"))]
        fields += [(CHECKBOX, pk) for pk in request.POST.getlist(CHECKBOX)]
        counts = dict(by_status.order_by("-count"))
        return self.confirmation_page(request, action, counts, ids, fields)

    def confirm_rows(
        self, request: HttpRequest, rows: Iterable[tuple[Any, str]], action: Action
    ) -> HttpResponse:
        """Return the confirmation page of rows to which the action applies: ids and statuses."""
        try:
            selection = Selection.create(self.owner(request), action.name, rows)
            ids = list(next(selection.batches(), {}))[:SHOWN]
        except settings.CACHE_ERRORS:
            self.refuse(request, gettext("the cache, which keeps selections, is not available."))
            return HttpResponseRedirect(self.back_url(request))
        fields = [("selection", selection.token)]
        return self.confirmation_page(request, action, selection.counts, ids, fields)

    def confirmation_page(
        self,
        request: HttpRequest,
        action: Action,
        counts: dict[str, int],
        ids: list[Any],
        fields: list[tuple[str, str]],
    ) -> HttpResponse:
        """Return the page with counts by status and the first rows, whose form posts the fields."""
        back = self.back_url(request)
        if not counts:
            text = gettext("None of the selected rows can be changed this way.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(back)
        shown = self.model._default_manager.filter(pk__in=ids).order_by(*(self.ordering or ()))
        labels = dict(self.model._meta.get_field(self.status_field).flatchoices)
        total = sum(counts.values())
        context = {
            "title": action.label,
            "action": action,
            "counts": [(labels.get(each, each), count) for each, count in counts.items()],
            "total": total,
            "warnings": dict.fromkeys(
                text for status, text in action.warnings.items() if status in counts
            ),
            "rows": [(row, self.state(row)) for row in shown],
            "more": total - len(ids),
            "fields": [("action", action.name), ("back", back), *fields],
            "list_url": self.list_url(request),
            "back": back,
        }
        return self.page(request, "queueapi/confirm_action.html", **context)

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        # Django's own Delete button does not check the status that the page shows.
        show_delete = all(action.method != "delete" for action in self.actions)
        return {"buttons": self.row_buttons(request, row), "show_delete": show_delete}

    def row_buttons(self, request: HttpRequest, row: Model) -> Iterator[dict[str, Any]]:
        """Yield the buttons on the page of a row, which open a confirmation page."""
        permitted = self.get_actions(request)
        status = getattr(row, self.status_field)
        for action in self.actions:
            if action.method and action.name in permitted and action.applies_to(status):
                is_delete = action.method == "delete"
                back = self.list_url(request) if is_delete else request.get_full_path()
                fields = {"action": action.name, CHECKBOX: row.pk, "back": back}
                yield {"title": action.label, "url": self.changelist_url, "fields": fields}
