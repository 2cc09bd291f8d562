"""The folder in which the processes of an installation add up their metrics."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

from django.core.files import locks
from prometheus_client import values

KINDS = ["histogram", "counter"]  # the first parts of prometheus_client's names of files
FILE_SIZE = 1024 * 1024  # bytes, of prometheus_client's new files
TRY = locks.LOCK_EX | locks.LOCK_NB


def files_in(path: str) -> Iterator[Path]:
    """Yield the files with metrics; others may be in the folder, too."""
    for kind in KINDS:
        yield from Path(path).glob(f"{kind}_*.db")


def join(path: str) -> list[IO[bytes]]:
    """Count in files of this folder from now on; return locks to hold until the process ends.

    The files have the lowest number that no running process has, so a process continues those of
    one that ended. Without its counts, Prometheus would take the smaller sum for a restart from 0
    and count everything again. A process that finds no other one running removes all files.

    Raises `OSError` if the folder can't be made or belongs to another account.
    """
    folder = Path(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = (folder / "running.lock").open("ab")
    if locks.lock(running, TRY):
        for file in files_in(path):
            file.unlink()
        locks.unlock(running)
    # Of several that start at once, the others wait here until the first has removed the files.
    locks.lock(running, locks.LOCK_SH)
    for number in count():
        own = (folder / f"{number}.lock").open("ab")
        if locks.lock(own, TRY):
            break
        own.close()
    for kind in KINDS:
        with (folder / f"{kind}_{number}.db").open("ab") as metrics:
            # Written through a memory map, where a full disk would end the process (SIGBUS).
            metrics.write(bytes(max(0, FILE_SIZE - metrics.tell())))
    # Read by prometheus_client when it creates a file, at the first request.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = path
    values.ValueClass = values.MultiProcessValue(lambda: number)
    return [running, own]
