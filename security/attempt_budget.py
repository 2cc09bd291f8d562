"""Limit on the rows of failed attempts and bans."""

import logging
from threading import Lock, Timer
from time import monotonic

logger = logging.getLogger(__name__)

REPORT_SECONDS = 60


class AttemptBudget:
    """A token bucket: `burst` rows at once, and `rate` rows a second after that.

    Limits one process. Logs once a minute how many rows were left out.
    """

    def __init__(self, burst: int, rate: float) -> None:
        self.burst = burst
        self.rate = rate
        self.left: float = burst
        self.left_out = 0
        self.taken_at = monotonic()
        self.lock = Lock()

    def take(self, *, always: bool = False) -> bool:
        """Count a row, and return whether it may be written. With `always`, it always may."""
        with self.lock:
            now = monotonic()
            self.left = min(self.burst, self.left + (now - self.taken_at) * self.rate)
            self.taken_at = now
            if always or self.left >= 1:
                self.left -= 1
                return True
            if not self.left_out:
                timer = Timer(REPORT_SECONDS, self.report)
                timer.daemon = True
                timer.start()
            self.left_out += 1
            return False

    def report(self) -> None:
        with self.lock:
            left_out, self.left_out = self.left_out, 0
        logger.warning("%d failed attempts of the last minute were not recorded", left_out)
