"""Admin actions on selected rows: a confirmation page, then batches with log entries."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE
from django.db import Error, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext

from queueapi.admin import audit, selected_rows
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.admin.selected_rows import SelectedRows

logger = logging.getLogger(__name__)

SHOWN = 20  # rows that the confirmation page lists
BATCH = 500  # rows; a statement of SQL Server takes 2100 parameters


@dataclass(eq=False)
class Action:
    """An action for `ModelAdmin.actions`. Its texts are lazy translations."""

    name: str
    label: Any
    explanation: Any
    method: str = ""  # of the queryset; empty if the action changes nothing
    permission: str = "change"
    allowed_statuses: Collection[str] = ()  # empty: all
    excluded_statuses: Collection[str] = ()
    warnings: Mapping[str, Any] = field(default_factory=dict)  # by status

    do_not_call_in_templates = True

    def __post_init__(self) -> None:
        # The attributes that Django reads of an action function.
        self.__name__ = self.name
        self.short_description = self.label
        self.allowed_permissions = [self.permission]

    def __call__(
        self, model_admin: "BulkActionsAdmin", request: HttpRequest, queryset: QuerySet
    ) -> HttpResponseBase | None:
        return model_admin.confirm_or_run(request, queryset, self)

    def applies_to(self, status: str) -> bool:
        is_allowed = not self.allowed_statuses or status in self.allowed_statuses
        return is_allowed and status not in self.excluded_statuses


def batches(selected: SelectedRows) -> Iterator[tuple[str, list[str]]]:
    """Yield up to `BATCH` ids at a time, with the status of their rows."""
    for status, ids in selected.items():
        for first in range(0, len(ids), BATCH):
            yield status, ids[first : first + BATCH]


def is_own_url(request: HttpRequest, url: str) -> bool:
    """Return whether a redirect to `url`, which a client sent, stays on this site."""
    return url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure())


class BulkActionsAdmin(AuditedAdmin):
    """Run actions on selected rows after a confirmation page.

    The confirmation page posts the action again, with the token of the saved selection. Only rows
    that still have the status shown on that page change.
    """

    actions: Sequence[Action]
    change_form_template = "queueapi/row_change_form.html"
    status_field: str
    state: Callable[..., str]  # the badge of a row's status

    @property
    def changelist_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def confirm_or_run(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        """Return the confirmation page, or run the action if that page was posted."""
        token = request.POST.get("selection")
        if token is None:
            return self.confirm(request, queryset, action)
        selected = None
        with suppress(*settings.CACHE_ERRORS):
            selected = selected_rows.pop(self.cache_key(request, action), token)
        if selected is None:
            text = gettext(
                "this confirmation page was used before, is more than 30 minutes old, or a newer "
                "one replaced it. Select the rows again."
            )
            self.refuse(request, text)
            return None
        response = self.run(request, selected, action)
        back = request.POST.get("back", "")
        if response is None and is_own_url(request, back):
            return HttpResponseRedirect(back)
        return response

    def cache_key(self, request: HttpRequest, action: Action) -> str:
        return f"selection.{request.user.pk}.{self.opts.label_lower}.{action.name}"

    def confirm(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        """Return the confirmation page, or `None` and a message if there is nothing to confirm."""
        rows = queryset.exclude(**{f"{self.status_field}__in": action.excluded_statuses})
        if action.allowed_statuses:
            rows = rows.filter(**{f"{self.status_field}__in": action.allowed_statuses})
        return self.confirm_selected(request, selected_rows.select(rows, self.status_field), action)

    def confirm_selected(
        self, request: HttpRequest, selected: SelectedRows, action: Action
    ) -> HttpResponseBase | None:
        """Return the confirmation page of these rows, to which the action applies."""
        if not selected:
            text = gettext("None of the selected rows can be changed this way.")
            self.message_user(request, text, messages.WARNING)
            return None
        try:
            token = selected_rows.save(self.cache_key(request, action), selected)
        except settings.CACHE_ERRORS:
            self.refuse(request, gettext("the cache, which keeps selections, is not available."))
            return None
        ids = list(islice(chain.from_iterable(selected.values()), SHOWN))
        shown = self.model._default_manager.filter(pk__in=ids).order_by(*(self.ordering or ()))
        labels = dict(self.model._meta.get_field(self.status_field).flatchoices)
        counts = Counter({status: len(ids) for status, ids in selected.items()})
        list_url = self.changelist_url
        if request.path == list_url:
            list_url = request.get_full_path()  # with its filters
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.label,
            "action": action,
            "counts": [(labels.get(each, each), count) for each, count in counts.most_common()],
            "total": counts.total(),
            "warnings": dict.fromkeys(
                text for status, text in action.warnings.items() if status in selected
            ),
            "rows": [(row, self.state(row)) for row in shown],
            "more": counts.total() - len(ids),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "first": ids[0],
            "selection": token,
            "list_url": list_url,
            "back": request.POST.get("back", ""),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "queueapi/confirm_action.html", context)

    def run(
        self, request: HttpRequest, selected: SelectedRows, action: Action
    ) -> HttpResponseBase | None:
        """Run the action in batches, and show a message with the number of changed rows."""
        changed, has_failed = 0, False
        try:
            for status, ids in batches(selected):
                changed += self.run_batch(request, action, status, ids)
        except Error:  # a deadlock on SQL Server is not a DatabaseError
            logger.exception("%s stopped after %d rows", action.name, changed)
            has_failed = True
        self.after_change()
        unchanged = sum(map(len, selected.values())) - changed
        text = ngettext("%(title)s: %(count)d row.", "%(title)s: %(count)d rows.", changed)
        text %= {"title": action.label, "count": changed}
        if has_failed:
            note = gettext("The database failed; not changed: %(count)d. Try again.")
        else:
            note = gettext(
                "Not changed, because the status changed meanwhile or the row is gone: %(count)d."
            )
        if unchanged:
            text += " " + note % {"count": unchanged}
        level = messages.WARNING if unchanged else messages.SUCCESS
        self.message_user(request, text, messages.ERROR if has_failed else level)
        return None

    def run_batch(self, request: HttpRequest, action: Action, status: str, ids: list[str]) -> int:
        """Change the rows that still have this status, and return their number.

        Changes and log entries are one transaction. Rows are found by id alone, because the index
        of a frequent status would be slower, and locked where the database can (SQL Server).
        """
        manager = self.model._default_manager
        with transaction.atomic():
            rows = manager.select_for_update().filter(pk__in=ids)
            before = [row for row in rows if getattr(row, self.status_field) == status]
            queryset = manager.filter(pk__in=[row.pk for row in before])
            getattr(queryset, action.method)()
            if action.method == "delete":
                self.log_deletions(request, before)
            else:
                after = {row.pk: audit.values(row) for row in queryset}
                entries = [
                    (row, audit.difference(self.model, audit.values(row), after[row.pk]))
                    for row in before
                ]
                audit.record(request.user.pk, CHANGE, entries)
        return len(before)

    def after_change(self) -> None:
        """Hook: called after rows changed, for example to clear cached counts."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (row := context.get("original")) is not None:
            context["history"] = audit.history(row)
            context["buttons"] = self.row_buttons(request, row)
            # Django's own Delete button does not check the status that the page shows.
            context["show_delete"] = all(action.method != "delete" for action in self.actions)
        return super().render_change_form(request, context, *args, **kwargs)

    def row_buttons(self, request: HttpRequest, row: Model) -> Iterator[dict[str, Any]]:
        """Yield the buttons on the page of a row, which open a confirmation page."""
        permitted = self.get_actions(request)
        status = getattr(row, self.status_field)
        for action in self.actions:
            if action.method and action.name in permitted and action.applies_to(status):
                fields = {"action": action.name, ACTION_CHECKBOX_NAME: row.pk}
                if action.method != "delete":
                    fields["back"] = request.path
                yield {"title": action.label, "url": self.changelist_url, "fields": fields}
