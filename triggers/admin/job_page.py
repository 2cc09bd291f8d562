"""The page of a job, with its lines in the log."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from queueapi.admin.badges import badge
from queueapi.admin.model_admin import AuditedAdmin
from triggers.models.schedulers import Job, Log, read

MAX_LINES = 500


def job_badge(job: Job) -> str:
    return badge(job.status, job.get_status_display())


def line_badge(line: Log) -> str:
    return badge(line.log_level, line.get_log_level_display())


class JobPage(AuditedAdmin):
    """Mixin: the page of a job, at `job/ID/`."""

    def get_urls(self) -> list[Any]:
        return [self.page_path("job/<str:pk>/", self.job_view, "job"), *super().get_urls()]

    def job_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        if not request.user.has_perm("triggers.view_job"):
            raise PermissionDenied
        try:
            [job] = read(Job.objects.filter(pk=UUID(pk))) or []
        except ValueError:  # not an id, or not that of a job
            raise Http404(_("There is no such job.")) from None
        lines = read(Log.objects.of_job(job)[: MAX_LINES + 1])
        context = {
            "title": job,
            "job": job,
            "state": job_badge(job),
            "lines": None if lines is None else [(line, line_badge(line)) for line in lines],
            "max_lines": MAX_LINES,
        }
        return self.page(request, "triggers/job.html", **context)
