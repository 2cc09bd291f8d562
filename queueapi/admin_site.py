"""Django's admin site, with the name and the dashboard of the project."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from queueapi import __version__
from queueapi.admin import audit
from queueapi.admin.session import session_view
from queueapi.dashboard import dashboard_context

# Order of the apps in the menu; others follow.
APP_ORDER = ["queues", "triggers", "admin", "security", "auth"]
# An app's URL redirects to one of these lists if the user may view it, else to its first list.
APP_LISTS = ["Trigger", "Client", "User"]


class QueueApiAdminSite(AdminSite):
    site_title = site_header = "Queue API"
    index_title = _("Overview")
    site_url = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.disable_action("delete_selected")  # a list that deletes has an action of its own

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "version": __version__}

    def get_urls(self) -> list[Any]:
        # Rows have no pages outside of the admin.
        urls = [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]
        return [path("session/", session_view, name="session"), *urls]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        context = dashboard_context(request.user, request.GET.get("chart", ""))
        return super().index(request, {**context, **(extra_context or {})})

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """Redirect to a list of the app, because the menu is on every page."""
        models = [model for app in self.get_app_list(request, app_label) for model in app["models"]]
        lists = [model for model in models if model["admin_url"]]
        if not lists:
            raise PermissionDenied
        return redirect(max(lists, key=lambda each: each["object_name"] in APP_LISTS)["admin_url"])

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().login(request, extra_context)
        if getattr(request, "login_refused", False):
            response.status_code = 429
            response.headers["Retry-After"] = "1"
        return response

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method == "GET":  # of a bookmark; Django responds with an empty page
            return redirect("admin:index")
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        response = super().password_change(request, extra_context)
        if response.status_code == 302:
            user: Any = request.user
            audit.record(user.pk, CHANGE, [(user, [{"field": "password"}])])
        return response

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        return sorted(
            super().get_app_list(request, app_label),
            key=lambda app: [*APP_ORDER, app["app_label"]].index(app["app_label"]),
        )
