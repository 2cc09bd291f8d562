"""All pages of the admin, with rows on each, for tests that visit them one by one.

The tests need the fixture `scheduler_tables`.
"""

from datetime import timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.utils import timezone

from queueapi.admin import audit
from queues.models import QueueItem
from queues.tests.helpers import change_url, failed, item
from security.models import ApiKey, BannedIP, FailedAttempt
from triggers.models import SingleTrigger, Trigger
from triggers.models.schedulers import Log
from triggers.tests.helpers import change_url as trigger_change_url
from triggers.tests.helpers import job, job_url, log, queue, scheduled, scheduler, single

LISTS = [
    "/admin/queues/queueitem/",
    "/admin/triggers/trigger/",
    "/admin/admin/logentry/",
    "/admin/security/client/",
    "/admin/security/apikey/",
    "/admin/security/bannedip/",
    "/admin/security/failedattempt/",
    "/admin/auth/user/",
    "/admin/auth/group/",
]
# One word that is too long for a column, and several.
LONG, SPACED = "W" * 100, "Ordrer for 2026, andet halvår"


def create_rows() -> list[str]:
    """Create rows with short and with long texts, and return the URLs of all pages."""
    hour = timedelta(hours=1)
    key, _ = ApiKey.objects.issue("ERP", 24 * hour)
    ApiKey.objects.issue(LONG, lifetime=None)
    client = key.client
    client.limit(
        queues=f"HR-*\n{LONG}", triggers=LONG, networks="2001:db8:1234:5678::/64", note="x"
    )
    bans = [
        BannedIP.objects.ban("203.0.113.9", hour, "5 failed attempts"),
        BannedIP.objects.ban("2001:db8:1234:5678::/64", hour, LONG, by=LONG),
    ]
    BannedIP.objects.filter(pk=bans[0].pk).lift(by=LONG)
    attempt = FailedAttempt.objects.create(
        client_ip="2001:db8:1234:5678:9abc:def0:1234:5678",
        network=bans[1].network,
        method="POST",
        path=f"/api/{LONG}",
        user_agent=SPACED,
        reason=FailedAttempt.Reason.ADMIN_LOGIN,
        username=LONG,
        key=key,
    )

    row = failed(reference="INV-1", data='{"a": 1}', message=SPACED, created_by="ERP")
    item(LONG, reference=LONG, created_by=LONG, message=LONG, data=LONG)
    item(SPACED, reference=SPACED, created_by=SPACED, message=SPACED, data=SPACED)
    item(status=QueueItem.Status.IN_PROGRESS, created_date=timezone.now() - 3 * hour)
    item(status=QueueItem.Status.ABANDONED, message="1\n2")
    for status in Trigger.Status:
        single(trigger_name=SPACED, process_status=status, last_run=timezone.now())
    triggers = [
        single(trigger_name=LONG, process_name=LONG, scheduler_whitelist=f'["{LONG}"]'),  # late
        scheduled(scheduler_whitelist='["ROBOT-VM-0001", "ROBOT-VM-0002"]'),
        queue(queue_name=2 * LONG, process_status=Trigger.Status.PAUSED),
    ]
    SingleTrigger.objects.filter(pk=triggers[0].pk).update(next_run=timezone.now() - hour)
    started: Any = {"latest_trigger": LONG, "latest_trigger_time": timezone.now()}
    scheduler(LONG, **started)
    scheduler("ROBOT-01", seconds=90)
    scheduler("ROBOT-02", seconds=10**6, **started)
    failed_job = job(process_name=LONG, scheduler_name=LONG, status="FAILED")
    job(process_name=LONG, status="RUNNING", end_time=None)
    for level in [*Log.Level, "???"]:
        log(failed_job, f"{LONG}\n{SPACED}", log_level=level)

    user = User.objects.create_user(LONG, f"{LONG}@example.com", first_name=LONG, last_name=LONG)
    role = Group.objects.get(name="Viewers")
    user.groups.add(role)
    group = Group.objects.create(name=LONG)
    changes = [{"field": "message", "old": LONG, "new": SPACED}]
    audit.record(user.pk, CHANGE, [(row, changes), (triggers[0], changes), (user, changes)])

    return [
        "/admin/",
        *LISTS,
        "/admin/queues/queueitem/?q=nothing-matches",
        "/admin/queues/queueitem/?status__exact=NEW&created_from=nonsense",
        "/admin/queues/queueitem/failures/",
        "/admin/queues/queueitem/queue/?queue_name=Invoices",
        "/admin/queues/queueitem/add/",
        change_url(row),
        change_url(row).replace("change", "history"),
        change_url(row).replace("change", "delete"),
        *map(trigger_change_url, triggers),
        job_url(failed_job),
        "/admin/security/client/add/",
        f"/admin/security/client/{client.pk}/change/",
        "/admin/security/apikey/add/",
        f"/admin/security/apikey/{key.pk}/change/",
        f"/admin/security/apikey/{key.pk}/rotate/",
        "/admin/security/bannedip/add/",
        f"/admin/security/bannedip/{bans[1].pk}/change/",
        f"/admin/security/failedattempt/{attempt.pk}/change/",
        f"/admin/admin/logentry/{LogEntry.objects.earliest('pk').pk}/change/",
        "/admin/auth/user/add/",
        f"/admin/auth/user/{user.pk}/change/",
        f"/admin/auth/user/{user.pk}/password/",
        "/admin/auth/group/add/",
        f"/admin/auth/group/{role.pk}/change/",
        f"/admin/auth/group/{group.pk}/change/",
        f"/admin/auth/group/{group.pk}/delete/",
        "/admin/password_change/",
        "/admin/password_change/done/",
        "/admin/no-such-page/",
        f"/admin/auth/user/{user.pk}/delete/",  # not allowed
    ]
