"""Base classes of the admin's pages: changes are logged by field."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext

from queueapi.admin import audit
from queueapi.admin.change_list import BoundedList
from queueapi.database.time_limits import time_limit

logger = logging.getLogger(__name__)

MAX_SEARCH_WORDS = 20  # each is searched in each field


class AuditedAdmin(admin.ModelAdmin):
    """Log each change with the old and the new value of each field."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER  # they are counts

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse regular expressions too: only the database detects their errors."""
        return not lookup.endswith("regex") and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if ERROR_FLAG in request.GET:
            text = gettext("Unknown filter or value in the URL. All rows are shown.")
            self.message_user(request, text, messages.WARNING)
        texts = {
            "title": capfirst(self.opts.verbose_name_plural),
            # Instead of Django's "All 120 selected", which needs a count.
            "selection_note_all": gettext("All that match are selected"),
        }
        return super().changelist_view(request, {**texts, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        if "_saveasnew" in request.POST:  # Django would add a row, even without `save_as`
            raise PermissionDenied
        return super().change_view(request, object_id, *args, **kwargs)

    def page_path(self, route: str, view: Callable[..., Any], page: str) -> URLPattern:
        """Return the URL pattern of a view of our own, which `links.page_url()` finds by name."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return path(route, self.admin_site.admin_view(view), name=name)

    def page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """Return a page of our own, with what Django's templates need."""
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, {**shared, **context})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := context.get("original"):
            context |= {"history": audit.history(row), **self.row_context(request, row)}
        return super().render_change_form(request, context, *args, **kwargs)

    def row_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Hook: return what the page of a row shows beside its fields, such as its `buttons`."""
        return {}

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        # Django raises FieldDoesNotExist for `?_to_field=`.
        return super().get_object(request, object_id, from_field or None)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any
    ) -> Any:
        try:
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(pk, None)
            # Before the confirmation page, an action reads all that match, and changes nothing.
            with time_limit():
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
        if len(words) > MAX_SEARCH_WORDS:
            search_term = " ".join(words[:MAX_SEARCH_WORDS])
        return super().get_search_results(request, queryset, search_term)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return audit.record(request.user.pk, ADDITION, [(obj, message)])

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log the changes, if there are any."""
        return audit.record(request.user.pk, CHANGE, [(obj, message)]) if message else None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        entries = [(row, self.deletion_message(row)) for row in queryset]
        return audit.record(request.user.pk, DELETION, entries)

    def deletion_message(self, row: Any) -> list[audit.Change]:
        """Hook: return the logged values of a deleted row."""
        values = audit.values(row)
        return audit.difference(type(row), values, dict.fromkeys(values))

    def construct_change_message(self, request: HttpRequest, form: Any, *args: Any) -> Any:
        changed = {name: form.cleaned_data.get(name) for name in form.changed_data}
        return audit.difference(self.model, form.initial, changed)


def never_permitted(model_admin: Any, request: HttpRequest, obj: Any = None) -> bool:
    """Return `False`, as `has_add_permission` and the like of a `ModelAdmin`."""
    return False


class ViewOnly:
    """Mixin for pages and inlines: rows are not added, changed or deleted."""

    has_add_permission = has_change_permission = has_delete_permission = never_permitted


class ViewOnlyAdmin(ViewOnly, AuditedAdmin):
    """Read-only pages."""
