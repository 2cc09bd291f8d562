"""A candidate in a process of its own: as a server, or only called."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.candidates import Candidate
from benchmarks.place import NO_LIMIT, ROOT, environment


class Started:
    """A process of a candidate, until the end of the `with`."""

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


class Server(Started):
    """A candidate behind Waitress."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        more: Mapping[str, str] | None = None,
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
                env=environment(database, {**candidate.environment, **(more or {})}, rate=rate),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @cached_property
    def port(self) -> int:
        """Known once it listens, which this waits for."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        found = re.search(r"127\.0\.0\.1:([0-9]+)", line)
        if not found:
            sys.exit(f"{self.candidate.name} did not start:\n{self.log.read_text()}")
        return int(found[1])

    def resident_bytes(self) -> int:
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size


class Worker(Started):
    """A candidate that answers requests without a socket, and says what each cost."""

    def __init__(
        self,
        candidate: Candidate,
        database: Path,
        more: Mapping[str, str] | None = None,
        *,
        first: str = "",
        before: str = "",
    ) -> None:
        """`first` and `before` name functions to call as `MODULE:FUNCTION`; see `worker.py`."""
        self.name = candidate.name
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.worker", candidate.module),
                *(f"--first={first}", f"--before={before}"),
            ],
            cwd=ROOT,
            env=environment(database, {**candidate.environment, **(more or {})}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, request: dict[str, Any], times: int) -> dict[str, float]:
        """Microseconds of one request: `cpu` of the process, and `wall`."""
        to, back = self.process.stdin, self.process.stdout
        line = ""
        if to and back and self.process.poll() is None:
            print(json.dumps({**request, "times": times}), file=to, flush=True)
            line = back.readline()
        if not line:
            sys.exit(f"{self.name} did not answer as it should; what it printed tells why.")
        answer: dict[str, float] = json.loads(line)
        return answer
