"""Load on a server: as much as it takes, by wrk, or so many requests a second and no more."""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from benchmarks.place import BODY, Place
from benchmarks.processes import Server

CONNECTIONS = 32
RATE = 50  # requests a second
SENDERS = 5
SCRIPT = Path(__file__).with_name("push.lua")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass
class Load:
    """What a server did; times are milliseconds."""

    requests: int
    rate: float  # a second
    p50: float
    p99: float


def as_much_as_it_takes(server: Server, place: Place, seconds: int) -> Load:
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
            f"http://127.0.0.1:{server.port}/api/queue",
        ],
        env={**os.environ, "API_KEY": place.key, "BODY": str(BODY)},
        check=True,
        capture_output=True,
        text=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.candidate.name} did not answer every request:\n{done.stdout}")
    return Load(
        requests=int(found(r"(\d+) requests in", done.stdout)),
        rate=float(found(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        p50=milliseconds(found(r"^\s+50%\s+(\S+)$", done.stdout)),
        p99=milliseconds(found(r"^\s+99%\s+(\S+)$", done.stdout)),
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        sys.exit(f"wrk printed something else than expected:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def steadily(server: Server, place: Place, seconds: float) -> Load:
    """`RATE` requests a second, whether or not the earlier ones have been answered.

    A request's time begins when it is due, so that one which has to wait for another is not
    measured as a short one.
    """
    body, port = BODY.read_bytes(), server.port
    first = time.perf_counter() + 0.05

    def send(sender: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        taken = []
        for number in range(sender, round(seconds * RATE), SENDERS):
            due = first + number / RATE
            time.sleep(max(0, due - time.perf_counter()))
            connection.request("POST", "/api/queue", body, place.headers)
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - due) * 1000)
            if answer.status != 201 or answer.will_close:
                sys.exit(
                    f"{server.candidate.name} answered with {answer.status}, and the connection "
                    f"{'ends' if answer.will_close else 'stays'}."
                )
        connection.close()
        return taken

    with ThreadPoolExecutor(SENDERS) as senders:
        times = [t for taken in senders.map(send, range(SENDERS)) for t in taken]
    percentiles = quantiles(times, n=100, method="inclusive")
    return Load(len(times), RATE, p50=percentiles[49], p99=percentiles[98])
