"""`manage.py send_alerts`: one mail of the problems that are new or over since the last one."""

from django.conf import settings
from django.core.files import locks
from django.core.mail import EmailMessage
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.template.loader import render_to_string
from django.utils.translation import override

from queueapi.alerts import problems
from queueapi.database.locks import acquire_app_lock, lock_file
from queueapi.models import Alert


class Command(BaseCommand):
    help = "Mail the problems that are new or over since the last mail, if there are any."

    def handle(self, *args: object, **options: object) -> str:
        if not settings.EMAIL_URL and not settings.ALERT_RECIPIENTS:
            return "Alerts are off; EMAIL_URL and ALERT_RECIPIENTS turn them on."
        if not settings.EMAIL_URL or not settings.ALERT_RECIPIENTS:
            raise CommandError("Set both EMAIL_URL and ALERT_RECIPIENTS, or neither.")
        # The lock that `migrate` takes, too.
        with lock_file(connection) as file, override(settings.ALERT_LANGUAGE):
            is_mine = locks.lock(file, locks.LOCK_EX | locks.LOCK_NB)
            if not is_mine or (connection.vendor != "sqlite" and not acquire_app_lock(connection)):
                return "Another send_alerts, or migrate, is running on this database."
            Alert.objects.record(problems())
            return self.send()

    def send(self) -> str:
        alerts = Alert.objects.filter(is_certain=True).order_by("pk")
        new = list(alerts.filter(is_mailed=False, ended=None))
        over = list(alerts.exclude(ended=None))
        if not new and not over:
            return "Nothing to send."
        context = {"new": new, "over": over, "settings": settings}
        subject, body = render_to_string("queueapi/alerts.txt", context).split("\n", 1)
        try:
            # Not in a transaction, which on SQLite would stop pushes meanwhile.
            headers = {"Auto-Submitted": "auto-generated"}  # no out-of-office replies (RFC 3834)
            EmailMessage(subject, body, to=settings.ALERT_RECIPIENTS, headers=headers).send()
        except (OSError, ValueError) as error:
            # A code instead of the server's text, which may repeat the password.
            reason = getattr(error, "smtp_code", error)
            raise CommandError(f"No mail was sent; the next run tries again: {reason}") from error
        # A process that is killed before the end of this leaves the mail to be sent once more.
        alerts.filter(ended=None).update(is_mailed=True)
        Alert.objects.exclude(ended=None).delete()
        return f"Sent: {len(new)} new, {len(over)} over."
