import os
import subprocess
import sys
import time
from collections.abc import Callable


def manage(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run manage.py; a variable that is None is taken out of the environment."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def happens_within_5_seconds(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in the time in which every process learns of a change."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
