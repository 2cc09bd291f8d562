"""Run confirmed actions in batches, for a few seconds in each request.

A step is a POST of the confirmation page, or of the page with the progress. Each may come twice, by
a reload, a double click or another tab. One request at a time runs a step, which begins where the
last one ended.
"""

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.core.cache import cache
from django.db import Error, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import number_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext

from queueapi.admin import audit
from queueapi.admin.links import page_url
from queueapi.admin.model_admin import AuditedAdmin
from queueapi.admin.selected_rows import MAX_AGE, Rows, Selection

if TYPE_CHECKING:
    from queueapi.admin.bulk_actions import Action

logger = logging.getLogger(__name__)

STEP = 2  # seconds; the last batch may take one more
LOCK_AGE = 60  # seconds after which a step counts as killed; with its last batch it takes less


def result(
    action: "Action", changed: int, skipped: int, left: int = 0, problem: str = ""
) -> tuple[int, str]:
    """Return the level and the text of the message that says what was done and what was left."""
    done = ngettext("%(title)s: %(count)s row.", "%(title)s: %(count)s rows.", changed)
    unchanged = gettext(
        "Not changed, because the status changed meanwhile or the row is gone: %(count)s."
    )
    stopped = problem or gettext("Stopped; not changed: %(count)s.")
    notes = [
        note % {"title": action.label, "count": number_format(count)}
        for note, count in ((done, changed), (unchanged, skipped), (stopped, left))
        if count or note == done
    ]
    level = messages.WARNING if len(notes) > 1 else messages.SUCCESS
    return messages.ERROR if problem else level, " ".join(notes)


class ActionStepsAdmin(AuditedAdmin):
    status_field: str
    constant_fields: list[str] = []  # that no action changes, such as long texts; they are not read

    def owner(self, request: HttpRequest) -> str:
        return f"{request.user.pk}.{self.opts.label_lower}"

    @property
    def changelist_url(self) -> str:
        return page_url(self.model)

    def list_url(self, request: HttpRequest) -> str:
        """Return the URL of this list, or of the list from which this page of a row was opened."""
        if request.path == self.changelist_url:
            return request.get_full_path()
        filters = {"opts": self.opts, "preserved_filters": self.get_preserved_filters(request)}
        return add_preserved_filters(filters, self.changelist_url)  # type: ignore[arg-type]

    def back_url(self, request: HttpRequest) -> str:
        """Return the URL to return to: of the page with the pressed button, or of the list."""
        referer = request.headers.get("Referer", "") if request.method == "POST" else ""
        hosts, is_secure = {request.get_host()}, request.is_secure()
        for url in (request.POST.get("back", ""), referer):
            if url_has_allowed_host_and_scheme(url, hosts, is_secure):
                return url
        return self.list_url(request)

    def step(self, request: HttpRequest, action: "Action") -> HttpResponse:
        """Return the page with the progress, or a redirect with a message after the last step."""
        back = self.back_url(request)
        key = self.owner(request), action.name, request.POST.get("selection", "")
        try:
            selection = Selection.find(*key)
            if selection is None:
                text = gettext("this page is too old, or newer ones replaced it. Select again.")
                self.refuse(request, text)
                return HttpResponseRedirect(back)
            if "stop" in request.POST:
                cache.set(f"{selection.token}.stop", True, MAX_AGE)
            if is_free := cache.add(f"{selection.token}.lock", True, LOCK_AGE):
                # Another request may have run a step since.
                selection = Selection.find(*key) or selection
            if not is_free or self.run_step(request, action, selection):
                context = {"title": action.label, "action": action, "selection": selection}
                context |= {"back": back, "is_waiting": not is_free}
                return self.page(request, "queueapi/action_progress.html", **context)
        except settings.CACHE_ERRORS:
            self.refuse(request, gettext("the cache, which keeps selections, is not available."))
        return HttpResponseRedirect(back)

    def run_step(self, request: HttpRequest, action: "Action", selection: Selection) -> bool:
        """Run batches, and return whether more are left; if not, show the result."""
        deadline = time.monotonic() + STEP
        problem = prefix = ""
        if selection.is_finished and not selection.left:
            prefix = gettext("This page was used before, and nothing more was done:") + " "
        try:
            for shown in selection.batches():
                selection.end_batch(shown, self.run_batch(request, action, shown))
                if selection.left and time.monotonic() > deadline:
                    return True
            if selection.left and not cache.get(f"{selection.token}.stop"):
                problem = gettext("The cache lost the other rows; not changed: %(count)s.")
            selection.finish()
        except Error:  # a deadlock on SQL Server is not a DatabaseError
            logger.exception("%s stopped after %d rows", action.name, selection.changed)
            problem = gettext("The database failed; not changed: %(count)s. Try again.")
        except settings.CACHE_ERRORS:
            problem = gettext("The cache failed; not changed: %(count)s. Try again.")
        finally:
            self.after_change()
            with suppress(*settings.CACHE_ERRORS):
                cache.delete(f"{selection.token}.lock")
        skipped = selection.done - selection.changed
        level, text = result(action, selection.changed, skipped, selection.left, problem)
        self.message_user(request, prefix + text, level)
        return False

    def run_batch(self, request: HttpRequest, action: "Action", shown: Rows) -> int:
        """Change the rows that still have the status shown, and return their number.

        Changes and log entries are one transaction. Rows are found by id alone, because the index
        of a frequent status would be slower, and locked where the database can (SQL Server).
        """
        manager = self.model._default_manager
        fields = self.model._meta.concrete_fields
        names = [field.name for field in fields if field.name not in self.constant_fields]
        with transaction.atomic():
            rows = manager.select_for_update().only(*names).filter(pk__in=list(shown))
            before = [row for row in rows if getattr(row, self.status_field) == shown[str(row.pk)]]
            queryset = manager.filter(pk__in=[row.pk for row in before])
            getattr(queryset, action.method)()
            if action.method == "delete":
                self.log_deletions(request, before)
            else:
                audit.record_update(request.user.pk, queryset, names, before)
        return len(before)

    def after_change(self) -> None:
        """Hook: called after rows changed, for example to clear cached counts."""
