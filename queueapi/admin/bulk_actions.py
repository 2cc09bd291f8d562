"""Actions on many rows: a question first, then batches, each with its entries in the log."""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, DELETION
from django.db import Error, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext

from queueapi.admin import audit
from queueapi.admin.badges import badge
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.admin.selected_rows import SelectedRows

logger = logging.getLogger(__name__)

SHOWN = 20  # rows that the question names


@dataclass(frozen=True)
class Action:
    """What an action is called and what it does to a queryset. The texts are lazy ones."""

    name: str
    title: Any
    explanation: Any
    verb: Callable[[Any], Any] | None  # None: it only looks at them
    # The statuses that it is for, if not for all, and those that it leaves out.
    only: Collection[str] = ()
    leaves: Collection[str] = ()
    # Status by status, what to think of before it.
    warnings: Iterable[tuple[str, Any]] = ()
    deletes: bool = False

    def takes(self, status: str) -> bool:
        return (not self.only or status in self.only) and status not in self.leaves

    @property
    def changes(self) -> bool:
        return self.verb is not None

    def warns_of(self, status: str) -> bool:
        return any(status == warned for warned, _ in self.warnings)


def is_ours(request: HttpRequest, url: str) -> bool:
    """Whether it leads to this site: anybody can make a browser send another one."""
    return url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure())


class BulkActionsAdmin(AuditedAdmin):
    """`confirm_or_run` is the body of an admin action.

    The first time it answers with a page that says which rows and how many; that page posts the
    action again, with the name under which its rows are kept. Then the rows that are still in the
    status that the page showed are changed, and no others.
    """

    status_field: str

    def confirm_or_run(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        name = request.POST.get("selection")
        if name is None:
            return self.ask(request, queryset, action)
        try:
            selection = SelectedRows.claim(name, request.user.pk, self.key_of(action))
        except settings.CACHE_ERRORS:
            self.refuse(request, gettext("the cache, which keeps selections, is away."))
            return None
        if selection is None:
            self.refuse(
                request,
                gettext(
                    "this question was answered before, is too old, or another one like it was "
                    "asked since."
                ),
            )
            return None
        response = self.do(request, selection, action)
        back = request.POST.get("back", "")
        if response is None and is_ours(request, back):
            return HttpResponseRedirect(back)
        return response

    def key_of(self, action: Action) -> str:
        return f"{self.opts.label_lower}.{action.name}"

    def ask(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        taken = queryset.exclude(**{f"{self.status_field}__in": action.leaves})
        if action.only:
            taken = taken.filter(**{f"{self.status_field}__in": action.only})
        selection = SelectedRows.take(
            request.user.pk, self.key_of(action), taken, self.status_field
        )
        total = selection.counts.total()
        if not total:
            self.refuse(request, gettext("this is not for rows like those, or they are gone."))
            return None
        try:
            name = selection.keep()
        except settings.CACHE_ERRORS:
            self.refuse(request, gettext("the cache, which keeps selections, is away."))
            return None
        ids = [pk for _, batch in selection.batches(SHOWN) for pk in batch][:SHOWN]
        statuses = dict(self.model._meta.get_field(self.status_field).flatchoices)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.title,
            "action": action,
            "total": total,
            "counts": [
                (status, statuses.get(status, status), number)
                for status, number in selection.counts.most_common()
            ],
            "warnings": [text for status, text in action.warnings if status in selection.counts],
            "rows": [
                (row, badge(status, statuses.get(status, status)))
                for row in self.model._default_manager.filter(pk__in=ids).order_by(
                    *(self.ordering or ())
                )
                for status in [getattr(row, self.status_field)]
            ],
            "more": total - len(ids),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "first": ids[0],
            "selection": name,
            "list_url": self.list_url(request),
            "back": request.POST.get("back", ""),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "queueapi/confirm_action.html", context)

    def list_url(self, request: HttpRequest) -> str:
        """The list, with the filters of the one that was asked from."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return request.get_full_path() if request.path == url else url

    def do(
        self, request: HttpRequest, selection: SelectedRows, action: Action
    ) -> HttpResponseBase | None:
        done, has_failed = 0, False
        try:
            for status, ids in selection.batches():
                done += self.run_batch(request, action, status, ids)
        except Error:  # not only DatabaseError: a deadlock on SQL Server is less
            logger.exception("%s stopped after %d rows", action.name, done)
            has_failed = True
        self.after_change()
        left = selection.counts.total() - done
        text = ngettext("%(title)s: %(count)d row.", "%(title)s: %(count)d rows.", done)
        text %= {"title": action.title, "count": done}
        if has_failed:
            text += " " + gettext(
                "Then the database failed, and %(count)d were left as they are. Try again."
            ) % {"count": left}
        elif left:
            text += " " + ngettext(
                "%(count)d was left as it is: its status changed meanwhile, or it is gone.",
                "%(count)d were left as they are: their status changed meanwhile, or they are "
                "gone.",
                left,
            ) % {"count": left}
        level = messages.WARNING if left else messages.SUCCESS
        self.message_user(request, text, messages.ERROR if has_failed else level)
        return None

    def run_batch(self, request: HttpRequest, action: Action, status: str, ids: list[Any]) -> int:
        """All of it or nothing, so that no change is without its entry in the log."""
        manager = self.model._default_manager
        with transaction.atomic():
            # Locked where the database can (SQL Server); SQLite has one writer at a time. Found by
            # their ids alone: a status may be that of most rows, and its index the wrong way.
            rows = manager.select_for_update().filter(pk__in=ids)
            before = [row for row in rows if getattr(row, self.status_field) == status]
            changing = manager.filter(pk__in=[row.pk for row in before])
            if action.deletes:
                audit.record(
                    request.user.pk, DELETION, [(row, self.deletion_message(row)) for row in before]
                )
            if action.verb is not None:
                action.verb(changing)
            if not action.deletes:
                after = {row.pk: audit.values(row) for row in changing}
                entries = [
                    (row, audit.difference(self.model, audit.values(row), after[row.pk]))
                    for row in before
                ]
                audit.record(request.user.pk, CHANGE, entries)
        return len(before)

    def after_change(self) -> None:
        """For who keeps numbers of the rows."""
