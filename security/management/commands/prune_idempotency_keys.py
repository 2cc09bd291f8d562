from typing import Any

from django.conf import settings

from security.management.base import PruneCommand
from security.models import IdempotencyKey


class Command(PruneCommand):
    help = "Delete the idempotency keys that are older than the setting IDEMPOTENCY_KEEP."

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        rows = IdempotencyKey.objects.older_than(settings.IDEMPOTENCY_KEEP)
        self.prune(rows, "idempotency keys", dry_run)
