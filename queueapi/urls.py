"""All URLs, and the handlers of errors."""

from django.contrib import admin
from django.urls import path, re_path

from queues.views import QueueItemViewSet
from triggers.views import TriggerViewSet

urlpatterns = [
    re_path(r"^api/queue/?$", QueueItemViewSet.as_view({"post": "create"}), name="queue"),
    re_path(r"^api/trigger/?$", TriggerViewSet.as_view({"post": "set_status"}), name="trigger"),
    path("admin/", admin.site.urls),
]

handler400 = "queueapi.api.error_views.bad_request"
handler403 = "queueapi.api.error_views.permission_denied"
handler404 = "queueapi.api.error_views.not_found"
handler500 = "queueapi.api.error_views.server_error"
