"""All URLs, and the handlers of errors."""

from django.contrib import admin
from django.urls import path, re_path

from queueapi.api.documentation import DocsView, RootView, SchemaView
from queues.views import QueueItemBulkViewSet, QueueItemViewSet
from triggers.views import TriggerViewSet

queue = QueueItemViewSet.as_view({"post": "create", "get": "list"})
bulk = QueueItemBulkViewSet.as_view({"post": "create"})
item = QueueItemViewSet.as_view({"get": "retrieve"})
trigger = TriggerViewSet.as_view({"post": "set_status", "get": "list"})

urlpatterns = [
    re_path(r"^api/queue/?$", queue, name="queue"),
    re_path(r"^api/queue/bulk/?$", bulk, name="bulk"),
    re_path(r"^api/queue/(?P<pk>[^/]+)/?$", item, name="item"),
    re_path(r"^api/trigger/?$", trigger, name="trigger"),
    re_path(r"^api/?$", RootView.as_view(), name="api"),
    re_path(r"^api/docs/?$", DocsView.as_view(), name="docs"),
    re_path(r"^api/schema/?$", SchemaView.as_view(), name="schema"),
    path("admin/", admin.site.urls),
]

handler400 = "queueapi.api.error_views.bad_request"
handler403 = "queueapi.api.error_views.permission_denied"
handler404 = "queueapi.api.error_views.not_found"
handler500 = "queueapi.api.error_views.server_error"
