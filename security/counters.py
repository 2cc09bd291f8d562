"""The cache backend of the counters in Redis."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache


class RedisCounters(RedisCache):
    """Count in one round trip; Django's backend takes three.

    The caller calls `add()`, then `incr()`, as django-ratelimit does. `add()` sends nothing: it
    keeps the timeout for `incr()`, which counts from 0 whatever value was added. Django has a
    cache for each thread, so no other thread calls in between.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        # Django's backend makes a client for each call, which costs more CPU time than the call.
        self.client: Any = self._cache.get_client(write=True)
        self.added: dict[str, float | None] = {}  # timeout by key, until `incr()`

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        self.added = {key: self.get_backend_timeout(timeout)}
        return False

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a counter, which expires its timeout after the last count.

        Without `add()` before, as from `decr()`, raises `ValueError` if there is no such counter.
        """
        if key not in self.added:
            return super().incr(key, delta, version)
        name = self.make_and_validate_key(key, version=version)
        commands = self.client.pipeline(transaction=False)
        commands.incrby(name, delta).expire(name, self.added.pop(key))
        return int(commands.execute()[0])
