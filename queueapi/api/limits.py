"""Permission and rate of each action of the API."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


@dataclass(frozen=True)
class Limit:
    """Permission and rate of an action; a rate is such as `10/m` or `10/5m`.

    Actions with the same name are counted together.
    """

    name: str
    rate: str
    permission: str

    @cached_property
    def maximum(self) -> int:
        return int(self.rate.partition("/")[0])

    @cached_property
    def seconds(self) -> int:
        period = self.rate.partition("/")[2]
        return int(period[:-1] or 1) * SECONDS[period[-1]]

    @cached_property
    def policy(self) -> str:
        """The header `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.name}";q={self.maximum};w={self.seconds}'


READ = Limit("read", settings.RATE_READ, "may_read")  # of all endpoints together
