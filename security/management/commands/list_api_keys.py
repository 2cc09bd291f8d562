from typing import Any

from security.management.base import SecurityCommand, to_minute
from security.models import ApiKey


class Command(SecurityCommand):
    help = "List all API keys, by client, newest first."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [
            (
                key.prefix,
                key.state,
                to_minute(key.created),
                to_minute(key.expires, "never"),
                to_minute(key.last_used, "never"),
                key.client.name,
            )
            for key in ApiKey.objects.select_related("client").order_by("client__name", "-created")
        ]
        if not rows:
            self.info("There are no keys yet; create_api_key makes one.")
            return
        header = ("PREFIX", "STATE", "CREATED", "EXPIRES", "LAST USED", "CLIENT")
        self.print_table("{:10}{:10}{:18}{:18}{:18}{}", header, *rows)
