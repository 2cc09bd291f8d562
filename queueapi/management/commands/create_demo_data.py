"""`manage.py create_demo_data`: something to look at, and a key to try the API with."""

import json
import os
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils import timezone

from queues.models import QueueItem
from security.models import ApiKey
from triggers.models import QueueTrigger, ScheduledTrigger, SingleTrigger, Trigger

Status = QueueItem.Status

CLIENT = "demo"
ADMIN = "admin"
EXAMPLE = settings.BASE_DIR / "docs" / "examples" / "queue-item.json"

KEPT = """\
The demo data of an earlier start is kept. The admin is {url}/admin/, user {admin}.
Its password and the API key were shown when they were made; for new ones:

  python dev.py manage {key_command}
  python dev.py manage changepassword {admin}
"""

MADE = """\
Demo data is in place. The password and the key are shown only now.

  Admin    {url}/admin/
           user {admin}, password {password}
  API key  {key}

Put an item on a queue:

{curl}
"""

STAYED_OUT = """\
This database has data of its own, so no demo data is added. For an API key and an admin:

  python dev.py manage create_api_key NAME
  python dev.py manage createsuperuser
"""


class Command(BaseCommand):
    help = (
        "Fill an empty database with an API key, an admin user and a few queue items and "
        "triggers. A database that has anything in it is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="where the server will be")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        # In one transaction: two at once make it once, and a half-made one is none.
        with transaction.atomic():
            keys = ApiKey.objects.filter(client=CLIENT)
            users = get_user_model()._default_manager
            others = (users, ApiKey.objects, QueueItem.objects, Trigger.objects)
            if keys.exists():
                verb = (
                    "rotate_api_key {} --overlap 0"
                    if keys.active().exists()
                    else "create_api_key {}"
                )
                said = KEPT.format(url=url, admin=ADMIN, key_command=verb.format(CLIENT))
            elif any(rows.exists() for rows in others):
                said = STAYED_OUT
            else:
                password = secrets.token_urlsafe(12)
                get_user_model().objects.create_superuser(ADMIN, password=password)
                create_items()
                create_triggers()
                _, key = ApiKey.objects.issue(CLIENT, lifetime=None)
                said = MADE.format(
                    url=url, admin=ADMIN, password=password, key=key, curl=curl(url, key)
                )
        self.stdout.write(said)


def curl(url: str, key: str) -> str:
    """A command that can be pasted into a shell of this system as it is."""
    if os.name == "nt":  # cmd and PowerShell agree on no way to quote JSON, but on file names
        program, body = "curl.exe", f'"@{EXAMPLE}"'
    else:
        program, body = "curl", f"'{json.dumps(json.loads(EXAMPLE.read_text()))}'"
    headers = f'-H "X-API-Key: {key}" -H "Content-Type: application/json"'
    return f"{program} -i {url}/api/queue {headers} -d {body}"


def create_items() -> None:
    """One of each status, and two weeks of invoices: many by day, and now and then a failure."""
    now = timezone.now()
    items = [
        QueueItem(
            queue_name="New employees",
            created_by="HR portal",
            reference=f"EMP-{1107 + number}",
            data='{"name": "Mette Østergaard", "starts": "2027-06-01"}',
            status=status,
            created_date=now - timedelta(hours=4 * number + 1),
            start_date=now - timedelta(hours=4 * number) if number else None,
            end_date=now if status in QueueItem.ENDED else None,
            message="There is no manager 77120" if status == Status.FAILED else None,
        )
        for number, status in enumerate(Status)
    ]
    for hours in range(2, 14 * 24):
        created = now - timedelta(hours=hours)
        is_by_day = created.weekday() < 5 and 7 <= created.hour < 16
        for number in range(6 if is_by_day else 1):
            has_failed = (hours + 3 * number) % 29 == 0
            start = created + timedelta(minutes=2 + 7 * number)
            items.append(
                QueueItem(
                    queue_name="Invoice approval",
                    created_by="ERP",
                    reference=f"INV-{20000 - hours * 6 - number}",
                    status=Status.FAILED if has_failed else Status.DONE,
                    message="The supplier is not known" if has_failed else "Approved and booked",
                    created_date=created + timedelta(minutes=7 * number),
                    start_date=start,
                    end_date=start + timedelta(seconds=40 + 9 * number),
                )
            )
    QueueItem.objects.bulk_create(items, batch_size=100)


def create_triggers() -> None:
    now, day = timezone.now(), timedelta(days=1)
    SingleTrigger.objects.create(
        trigger_name="MyAutomationTrigger",
        process_name="Year-end report",
        process_path="C:\\Robots\\year_end_report\\main.py",
        process_status=Trigger.Status.DONE,
        last_run=now - day,
        next_run=now - day,
    )
    ScheduledTrigger.objects.create(
        trigger_name="Nightly address sync",
        process_name="Address sync",
        process_path="https://git.example.org/robots/address-sync.git",
        is_git_repo=True,
        scheduler_whitelist='["ROBOT-01", "ROBOT-02"]',
        next_run=now + day / 2,
        cron_expr="0 2 * * *",
    )
    QueueTrigger.objects.create(
        trigger_name="Invoices waiting",
        process_name="Invoice approval",
        process_path="C:\\Robots\\invoice_approval\\main.py",
        process_status=Trigger.Status.PAUSED,
        queue_name="Invoice approval",
        min_batch_size=5,
    )
