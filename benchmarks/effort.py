"""How much to measure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Effort:
    """Number of rounds, sizes of tables, and the amount of work in one round."""

    rounds: int
    rows: Sequence[int]
    bans: Sequence[int]
    calls: int = 400  # requests in process
    seconds: int = 4  # at maximum throughput
    steady_seconds: float = 10  # at 50 requests per second
    # Of 5 seconds, in each of which 100 clients push once. 12 are a minute, in which each
    # `last_used` is written once.
    periods: int = 12

    def quick(self) -> Self:
        """Return a smaller effort, for rough figures."""
        return replace(self, calls=200, seconds=1, steady_seconds=0.6, periods=1)
