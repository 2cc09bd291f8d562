"""How many rows strangers may make us write."""

import logging
from threading import Lock
from time import monotonic

logger = logging.getLogger(__name__)

LOG_SECONDS = 60


class RowBudget:
    """A token bucket: `burst` rows at once, and `rate` rows a second after that.

    Holds for this process. It says in the log once a minute how many rows were left out.
    """

    def __init__(self, burst: int, rate: float) -> None:
        self.burst = burst
        self.rate = rate
        self.left: float = burst
        self.left_out = 0
        self.taken_at = monotonic()
        self.logs_at = 0.0
        self.lock = Lock()

    def take(self, *, always: bool = False) -> bool:
        """Whether a row may be written. With `always` it may, and is counted."""
        with self.lock:
            now = monotonic()
            self.left = min(self.burst, self.left + (now - self.taken_at) * self.rate)
            self.taken_at = now
            may = always or self.left >= 1
            if may:
                self.left -= 1
            else:
                self.left_out += 1
            if self.left_out and now >= self.logs_at:
                logger.warning("%d failed attempts were too many to be recorded", self.left_out)
                self.left_out, self.logs_at = 0, now + LOG_SECONDS
            return may
