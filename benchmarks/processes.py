"""Candidates in their own processes: behind Waitress, or called directly."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Self

import psutil

from benchmarks.candidates import Candidate
from benchmarks.workspace import NO_LIMIT, ROOT, environment


class CandidateProcess:
    """Context manager: terminate the process of a candidate on exit."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: IO[str] | None = None
    ) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def read_line(self) -> str:
        return self.process.stdout.readline() if self.process.stdout else ""


class Server(CandidateProcess):
    """A candidate behind Waitress."""

    def __init__(self, candidate: Candidate, database: Path, *, rate: int = NO_LIMIT) -> None:
        self.database, self.log = database, database.with_suffix(".log")
        with self.log.open("a") as log:
            command = candidate.serve_command()
            super().__init__(candidate.name, command, environment(database, rate=rate), log)

    @cached_property
    def port(self) -> int:
        """Wait until the server listens; return its port."""
        found = re.search(r"127\.0\.0\.1:([0-9]+)", self.read_line())
        if not found:
            sys.exit(f"{self.name} did not start:\n{self.log.read_text()}")
        return int(found[1])

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process so far, with that of threads that have ended."""
        if sys.platform == "linux":  # in nanoseconds, where psutil's has 10 ms
            return time.clock_gettime(~self.process.pid << 3 | 2)  # as clock_getcpuclockid(3)
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def resident_bytes(self) -> int:
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size


class Worker(CandidateProcess):
    """A candidate that is called without a socket and measures each request; see `worker.py`."""

    def __init__(
        self, candidate: Candidate, database: Path, extra: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", candidate.module]
        super().__init__(candidate.name, command, environment(database, extra))

    def measure(self, request: dict[str, Any], times: int) -> dict[str, float]:
        """Send the request `times` times; return the means of CPU and time."""
        with suppress(BrokenPipeError):
            print(json.dumps({**request, "times": times}), file=self.process.stdin, flush=True)
        line = self.read_line()
        if not line:
            sys.exit(f"{self.name} failed; see its output above.")
        cost: dict[str, float] = json.loads(line)
        return cost
