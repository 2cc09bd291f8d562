from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from security.models import ApiKey

COLUMNS = "{:10}{:10}{:18}{:18}{:18}{}"


def minute(moment: datetime | None, absent: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else absent


class Command(BaseCommand):
    help = "List all API keys, by client, newest first."

    def handle(self, *args: Any, **options: Any) -> None:
        keys = ApiKey.objects.order_by("client", "-created")
        if not keys:
            self.stderr.write("There are no keys yet; create_api_key makes one.", style_func=str)
            return
        self.stdout.write(
            COLUMNS.format("PREFIX", "STATE", "CREATED", "EXPIRES", "LAST USED", "CLIENT")
        )
        for key in keys:
            self.stdout.write(
                COLUMNS.format(
                    key.prefix,
                    key.state,
                    minute(key.created, ""),
                    minute(key.expires, "never"),
                    minute(key.last_used, "never"),
                    key.client,
                )
            )
