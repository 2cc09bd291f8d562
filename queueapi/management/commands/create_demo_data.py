"""`manage.py create_demo_data`: rows to look at, and a key to try the API with."""

import os
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils import timezone

from queues.models import QueueItem
from security.models import ApiKey, Client
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

Status = QueueItem.Status
MESSAGES = {Status.DONE: "Entered in the ERP", Status.FAILED: "The ERP did not respond"}

ADDED = """\
Demo data was added. The password and the API key are shown only now.

  Admin    {url}/admin/, user admin, password {password}
  API key  {key}

  {curl} -i {url}/api/queue -H "X-API-Key: {key}" -H "Content-Type: application/json" -d "@{body}"
"""
KEPT = """\
The database has data already, so nothing was added. For a new API key, admin user or password:

  python dev.py manage create_api_key demo
  python dev.py manage rotate_api_key demo --overlap 0
  python dev.py manage createsuperuser
  python dev.py manage changepassword admin
"""


class Command(BaseCommand):
    help = "Fill an empty database with an admin user, an API key, queue items and triggers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="where the server will be")

    @transaction.atomic  # all or nothing, and once if two run at the same time
    def handle(self, *args: Any, url: str, **options: Any) -> None:
        if any(model._default_manager.exists() for model in (User, Client, QueueItem, Trigger)):
            self.stdout.write(KEPT)
            return
        create_items()
        create_triggers()
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", password=password)
        _, key = ApiKey.objects.issue("demo", lifetime=None)
        # A file, because bash, cmd and PowerShell quote JSON differently.
        body = settings.BASE_DIR / "docs" / "examples" / "queue-item.json"
        curl = "curl.exe" if os.name == "nt" else "curl"  # PowerShell's curl is another command
        self.stdout.write(ADDED.format(url=url, password=password, key=key, curl=curl, body=body))


def create_items() -> None:
    """Create one item of each status and many finished ones within the last 14 days."""
    now = timezone.now()
    statuses = [*Status, *([Status.DONE] * 8 + [Status.FAILED]) * 60]
    for number, status in enumerate(statuses, start=3):
        created = now - timedelta(hours=1 + number**2 % 331)  # irregular, for the chart
        QueueItem.objects.create(
            queue_name=("Invoices", "New employees")[number % 2],
            reference=f"REF-{number}",
            status=status,
            data='{"requester": "Mette Østergaard", "priority": 1}',
            created_by="ERP",
            created_date=created,
            start_date=None if status == Status.NEW else created + timedelta(minutes=2),
            end_date=created + timedelta(minutes=3) if status in QueueItem.FINAL_STATUSES else None,
            message=MESSAGES.get(status),
        )


def create_triggers() -> None:
    """Create a trigger of each type."""
    process = {"process_name": "Invoices", "process_path": "C:\\Robots\\invoices\\main.py"}
    two_o_clock = timezone.now().replace(hour=2, minute=0, second=0, microsecond=0)
    timed = {"next_run": two_o_clock + timedelta(days=1), **process}
    queued = {"queue_name": "Invoices", "min_batch_size": 5, **process}
    SingleTrigger.objects.create(trigger_name="MyAutomationTrigger", process_status="DONE", **timed)
    ScheduledTrigger.objects.create(trigger_name="Nightly", cron_expr="0 2 * * *", **timed)
    QueueTrigger.objects.create(trigger_name="Batches", process_status="PAUSED", **queued)
