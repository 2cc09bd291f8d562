"""A minimal Django view around the INSERT, without keys, bans, rate limits or middleware.

The lower bound for an API with Django's ORM.
"""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["queues"],
    MIDDLEWARE=[],
    USE_TZ=False,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
            },
        }
    },
)
django.setup(set_prefix=False)

from benchmarks.validation import parse, validate  # noqa: E402  after django.setup()
from queues.models import QueueItem  # noqa: E402


def queue(request: HttpRequest) -> JsonResponse:
    try:
        fields, errors = validate(parse(request.body))
    except ValueError as error:
        return JsonResponse({"success": False, "error": str(error)}, status=400)
    if errors:
        return JsonResponse({"success": False, "fields": errors}, status=400)
    item = QueueItem.objects.create(**fields)
    response = JsonResponse({"success": True, "id": str(item.pk)}, status=201)
    # Without it, Waitress sends chunks and closes the connection.
    response.headers["Content-Length"] = str(len(response.content))
    return response


urlpatterns = [path("api/queue", queue)]
application = WSGIHandler()
