"""Actions on many rows: a question first, then batches, each with its entries in the log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, DELETION
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from redis.exceptions import RedisError

from queueapi import audit
from queueapi.admin.base import AuditedAdmin
from queueapi.admin.selection import Selection

SHOWN = 20  # rows that the question names


@dataclass(frozen=True)
class Action:
    """What an action is called and what it does to a queryset. The texts are lazy ones."""

    name: str
    title: Any
    explanation: Any
    verb: Callable[[Any], Any]
    # Rows of these statuses are what the action makes of rows, so it leaves them out.
    leaves: Iterable[str] = ()
    # Status by status, what to think of before it.
    warnings: Iterable[tuple[str, Any]] = ()
    deletes: bool = False


class BulkAdmin(AuditedAdmin):
    """`ask_or_do` is the body of an admin action.

    The first time it answers with a page that says which rows and how many; that page posts the
    action again, with the name under which its rows are kept. Then the rows that are still in the
    status that the page showed are changed, and no others.
    """

    status_field: str

    def ask_or_do(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        try:
            name = request.POST.get("selection")
            if name is None:
                return self.ask(request, queryset, action)
            selection = Selection.claim(name, request.user.pk, action.name)
        except (RedisError, OSError):
            text = gettext("Nothing was done: the cache, which keeps selections, is away.")
            self.message_user(request, text, messages.ERROR)
            return None
        if selection is None:
            text = gettext("Nothing was done: this question is too old, or was answered before.")
            self.message_user(request, text, messages.WARNING)
            return None
        return self.do(request, selection, action)

    def ask(
        self, request: HttpRequest, queryset: QuerySet, action: Action
    ) -> HttpResponseBase | None:
        left = {self.status_field + "__in": list(action.leaves)}
        selection = Selection.take(
            request.user.pk, action.name, queryset.exclude(**left), self.status_field
        )
        total = selection.counts.total()
        if not total:
            text = gettext("Nothing to do: they are like that already, or gone.")
            self.message_user(request, text, messages.WARNING)
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
            "rows": self.model._default_manager.filter(pk__in=ids),
            "more": total - len(ids),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "first": ids[0],
            "selection": selection.keep(),
            "list_url": self.list_url(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/confirm_action.html", context)

    def list_url(self, request: HttpRequest) -> str:
        """The list, with the filters of the one that was asked from."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return request.get_full_path() if request.path == url else url

    def do(
        self, request: HttpRequest, selection: Selection, action: Action
    ) -> HttpResponseBase | None:
        done = sum(
            self.do_batch(request, action, status, ids) for status, ids in selection.batches()
        )
        self.after_change()
        left = selection.counts.total() - done
        text = ngettext("%(title)s: %(count)d row.", "%(title)s: %(count)d rows.", done)
        text %= {"title": action.title, "count": done}
        if left:
            text += " " + ngettext(
                "%(count)d was left as it is, because its status changed after you were asked.",
                "%(count)d were left as they are, because their status changed after you were "
                "asked.",
                left,
            ) % {"count": left}
        self.message_user(request, text, messages.WARNING if left else messages.SUCCESS)
        return None

    def do_batch(self, request: HttpRequest, action: Action, status: str, ids: list[Any]) -> int:
        """All of it or nothing, so that no change is without its entry in the log."""
        manager = self.model._default_manager
        with transaction.atomic():
            # Locked where the database can (SQL Server); SQLite has one writer at a time.
            unchanged = manager.select_for_update().filter(
                pk__in=ids, **{self.status_field: status}
            )
            before = list(unchanged)
            changing = manager.filter(pk__in=[row.pk for row in before])
            if action.deletes:
                entries = [(row, self.epitaph(row)) for row in before]
                audit.record(request.user.pk, DELETION, entries)
                action.verb(changing)
            else:
                action.verb(changing)
                after = {row.pk: row for row in changing}
                entries = [
                    (
                        row,
                        audit.difference(
                            self.model, audit.values(row), audit.values(after[row.pk])
                        ),
                    )
                    for row in before
                ]
                audit.record(request.user.pk, CHANGE, entries)
        return len(before)

    def epitaph(self, row: Any) -> str:
        """What the log keeps of a deleted row, besides its name."""
        return f"status: {getattr(row, self.status_field)}"

    def after_change(self) -> None:
        """For who keeps numbers of the rows."""
