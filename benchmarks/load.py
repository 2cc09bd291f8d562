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
from benchmarks.workspace import BODY, KEYS, headers

CONNECTIONS = 32
FIXED_RATE = 50  # requests per second
THREADS = 5
SCRIPT = Path(__file__).with_name("push.lua")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass
class Load:
    """Results of a load."""

    requests: int
    rate: float  # requests per second
    p99: float  # milliseconds


def measure_throughput(server: Server, seconds: int) -> Load:
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
            f"http://127.0.0.1:{server.port}/api/queue",
        ],
        env={**os.environ, "API_KEY": KEYS[0], "BODY": BODY},
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(
        r"99%\s+([\d.]+)([a-z]+).*?(\d+) requests in.*Requests/sec:\s+([\d.]+)",
        done.stdout,
        re.DOTALL,
    )
    if not found or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.name} failed requests:\n{done.stdout}")
    p99, unit, requests, rate = found.groups()
    return Load(int(requests), float(rate), float(p99) * UNITS[unit])


def measure_at_fixed_rate(
    server: Server,
    seconds: float,
    rate: int = FIXED_RATE,
    clients: Sequence[Mapping[str, str]] = (headers(),),
) -> Load:
    """Send `rate` requests per second, even if earlier ones are still in progress.

    `clients` are the headers of clients that take turns. The time of a request starts when it is
    due, so it includes waiting for an earlier one (coordinated omission).
    """
    port, first = server.port, time.perf_counter() + 0.05

    def send(thread: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        taken = []
        for number in range(thread, round(seconds * rate), THREADS):
            due = first + number / rate
            time.sleep(max(0, due - time.perf_counter()))
            sent = clients[number % len(clients)]
            connection.request("POST", "/api/queue", BODY.encode(), sent)
            response = connection.getresponse()
            response.read()
            taken.append((time.perf_counter() - due) * 1000)
            if response.status != 201 or response.will_close:
                sys.exit(
                    f"{server.name} returned {response.status} and "
                    f"{'closes' if response.will_close else 'keeps'} the connection."
                )
        connection.close()
        return taken

    with ThreadPoolExecutor(THREADS) as threads:
        times = [t for taken in threads.map(send, range(THREADS)) for t in taken]
    return Load(len(times), rate, p99=quantiles(times, n=100, method="inclusive")[98])
