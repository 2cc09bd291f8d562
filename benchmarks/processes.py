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
from typing import Any, Self

import psutil

from benchmarks.candidates import Candidate
from benchmarks.workspace import NO_LIMIT, ROOT, environment


class CandidateProcess:
    """Context manager: terminate the process of a candidate on exit."""

    process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()


class Server(CandidateProcess):
    """A candidate behind Waitress."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        extra: Mapping[str, str] | None = None,
        *,
        threads: int = 4,
        rate: int = NO_LIMIT,
    ) -> None:
        self.candidate, self.database = candidate, database
        self.log = database.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                candidate.serve_command(threads),
                cwd=ROOT,
                env=environment(database, {**candidate.environment, **(extra or {})}, rate=rate),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @cached_property
    def port(self) -> int:
        """Wait until the server listens; return its port."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        found = re.search(r"127\.0\.0\.1:([0-9]+)", line)
        if not found:
            sys.exit(f"{self.candidate.name} did not start:\n{self.log.read_text()}")
        return int(found[1])

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process so far, with the ended ones of its threads."""
        if sys.platform == "linux":  # in nanoseconds; psutil's has 10 ms
            return time.clock_gettime(~self.process.pid << 3 | 2)  # as clock_getcpuclockid(3)
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def resident_bytes(self) -> int:
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size


class Worker(CandidateProcess):
    """A candidate that is called without a socket and measures each request; see `worker.py`."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        extra: Mapping[str, str] | None = None,
        *,
        setup: str = "",
        before_each: str = "",
    ) -> None:
        """Start the worker. `setup` and `before_each` are functions, as `MODULE:FUNCTION`."""
        self.name = candidate.name
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker", candidate.module),
                *(f"--setup={setup}", f"--before-each={before_each}"),
            ],
            cwd=ROOT,
            env=environment(database, {**candidate.environment, **(extra or {})}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, request: dict[str, Any], times: int) -> dict[str, float]:
        """Send the request `times` times; return the mean `cpu` and `wall` microseconds."""
        stdin, stdout = self.process.stdin, self.process.stdout
        line = ""
        if stdin and stdout and self.process.poll() is None:
            print(json.dumps({**request, "times": times}), file=stdin, flush=True)
            line = stdout.readline()
        if not line:
            sys.exit(f"{self.name} failed; see its output above.")
        cost: dict[str, float] = json.loads(line)
        return cost
