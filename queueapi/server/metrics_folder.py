"""The folder in which the processes of an installation add up their metrics."""

import os
from itertools import count
from pathlib import Path
from typing import IO

from django.core.files import locks
from prometheus_client import values

TRY = locks.LOCK_EX | locks.LOCK_NB


def join(path: str) -> list[IO[bytes]]:
    """Count in files of this folder from now on; return locks to hold until the process ends.

    The files have the lowest number that no running process has, so a process continues those of
    one that ended. Without its counts, Prometheus would take the smaller sum for a restart from 0
    and count everything again. A process that finds no other one running removes all files.

    Raises `OSError` if the folder can't be made or belongs to another account.
    """
    folder = Path(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    running = (folder / "running.lock").open("ab")
    if locks.lock(running, TRY):
        for file in folder.glob("*.db"):
            file.unlink()
        locks.unlock(running)
    # Of several that start at once, the others wait here until the first has removed the files.
    locks.lock(running, locks.LOCK_SH)
    for number in count():
        own = (folder / f"{number}.lock").open("ab")
        if locks.lock(own, TRY):
            break
        own.close()
    # Read by prometheus_client when it creates a file, at the first request.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = path
    values.ValueClass = values.MultiProcessValue(lambda: number)
    return [running, own]
