import os
import subprocess
import sys


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
