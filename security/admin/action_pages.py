"""What the pages on keys and bans share: rows that no form edits, and verbs that ask first."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from queueapi.admin.model_admin import ViewOnlyAdmin
from security.admin.forms import ActionForm


class ActionPageAdmin(ViewOnlyAdmin):
    change_form_template = "queueapi/row_change_form.html"

    def ask(
        self,
        request: HttpRequest,
        form: ActionForm | None,
        original: Model | None = None,
        **texts: Any,
    ) -> HttpResponse:
        """The page of a verb: its `title`, `explanation` and form, and a button named `verb`."""
        context = {"form": form, "original": original, **texts}
        return self.page(request, "security/action_form.html", context)

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, {**shared, **context})
