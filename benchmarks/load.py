"""Put load on a server: at maximum throughput with wrk, or at a fixed rate."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles

from benchmarks.processes import Server
from benchmarks.workspace import BODY, KEYS, Workspace

CONNECTIONS = 32
RATE = 50  # requests per second
SENDERS = 5
SCRIPT = Path(__file__).with_name("push.lua")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass
class Load:
    """Results of a load; times are in milliseconds."""

    requests: int
    rate: float  # requests per second
    p50: float
    p99: float


def measure_throughput(server: Server, workspace: Workspace, seconds: int) -> Load:
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
            f"http://127.0.0.1:{server.port}/api/queue",
        ],
        env={**os.environ, "API_KEY": KEYS[0], "BODY": str(BODY)},
        check=True,
        capture_output=True,
        text=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.candidate.name} failed requests:\n{done.stdout}")
    return Load(
        requests=int(search(r"(\d+) requests in", done.stdout)),
        rate=float(search(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        p50=milliseconds(search(r"^\s+50%\s+(\S+)$", done.stdout)),
        p99=milliseconds(search(r"^\s+99%\s+(\S+)$", done.stdout)),
    )


def search(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        sys.exit(f"Unexpected output of wrk:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def measure_at_fixed_rate(
    server: Server,
    clients: Sequence[Mapping[str, str]],
    seconds: float,
    rate: int = RATE,
) -> Load:
    """Send `rate` requests per second, even if earlier ones are still in progress.

    `clients` are the headers of clients that take turns. The time of a request starts when it is
    due, so it includes waiting for an earlier one (coordinated omission).
    """
    body, port = BODY.read_bytes(), server.port
    first = time.perf_counter() + 0.05

    def send(sender: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        taken = []
        for number in range(sender, round(seconds * rate), SENDERS):
            due = first + number / rate
            time.sleep(max(0, due - time.perf_counter()))
            headers = clients[number % len(clients)]
            connection.request("POST", "/api/queue", body, headers)
            response = connection.getresponse()
            response.read()
            taken.append((time.perf_counter() - due) * 1000)
            if response.status != 201 or response.will_close:
                sys.exit(
                    f"{server.candidate.name} returned {response.status} and "
                    f"{'closes' if response.will_close else 'keeps'} the connection."
                )
        connection.close()
        return taken

    with ThreadPoolExecutor(SENDERS) as senders:
        times = [t for taken in senders.map(send, range(SENDERS)) for t in taken]
    percentiles = quantiles(times, n=100, method="inclusive")
    return Load(len(times), rate, p50=percentiles[49], p99=percentiles[98])
