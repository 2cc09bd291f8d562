"""CPU profile of POST /api/queue: sample the stack at intervals of CPU time.

Not cProfile, whose cost per call distorts the shares. The standard library counts for its caller.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import FrameType

from benchmarks.candidates import Candidate
from benchmarks.worker import call, wsgi_environ
from benchmarks.workspace import ROOT, Workspace, environment

INTERVAL = 0.001  # seconds of CPU time
MEASUREMENT = "the measurement"

# Titles by the beginning of a path. A sample counts for its innermost frame in this list, under the
# first match.
PARTS = {
    "benchmarks/validation": "validation",
    "benchmarks/minimal_django": "Django's handler, request, response, routing",
    "benchmarks/": MEASUREMENT,
    "django/db/backends/": "the INSERT: the database and its driver",
    "django/db/": "the INSERT: Django's ORM",
    "queues/models": "the INSERT: Django's ORM",
    "queueapi/database/": "the INSERT: Django's ORM",
    "rest_framework/serializers": "validation",
    "rest_framework/fields": "validation",
    "rest_framework/validators": "validation",
    "queueapi/api/serializer_fields": "validation",
    "queues/serializers": "validation",
    "django/core/validators": "validation",
    "django_ratelimit/": "the rate limit",
    "security/throttling": "the rate limit",
    "django/core/cache/backends/": "the rate limit",
    "django/core/cache/": "Django's handler, request, response, routing",
    "security/": "bans, keys and client IPs",
    "rest_framework/": "DRF: dispatch, request, response",
    "queueapi/api/": "DRF: dispatch, request, response",
    "queues/views": "DRF: dispatch, request, response",
    "django/template/response": "DRF: dispatch, request, response",
    "django/middleware/": "middleware",
    "django/utils/deprecation": "middleware",
    "queueapi/wsgi": "Django's handler, request, response, routing",
    "queueapi/": "middleware",
    "whitenoise/": "middleware",
    "django/views/": "middleware",
    "django/core/handlers/": "Django's handler, request, response, routing",
    "django/http/": "Django's handler, request, response, routing",
    "django/urls/": "Django's handler, request, response, routing",
    "django/dispatch/": "Django's handler, request, response, routing",
}


def shares(candidate: Candidate, workspace: Workspace, times: int) -> dict[str, float]:
    """Push `times` times in a child process; return each part's share of the CPU, from 0 to 1."""
    return json.loads(  # type: ignore[no-any-return]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.profile", candidate.module, f"--times={times}"],
            cwd=ROOT,
            env=environment(workspace.database(f"{candidate.name} profile"), candidate.environment),
            check=True,
            input=json.dumps(workspace.push) + "\n",
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--times", type=int, required=True)
    arguments = parser.parse_args()
    application = import_module(arguments.module).application
    request = json.loads(sys.stdin.readline())
    request.pop("status")
    samples: Counter[str] = Counter()

    def sample(signum: int, frame: FrameType | None) -> None:
        samples[part(frame)] += 1

    signal.signal(signal.SIGPROF, sample)
    for number in range(arguments.times):
        if number == arguments.times // 20:  # warmed up
            signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        call(application, wsgi_environ(**request))
    signal.setitimer(signal.ITIMER_PROF, 0)
    samples.pop(MEASUREMENT, None)
    total = samples.total()
    print(json.dumps({name: number / total for name, number in samples.most_common()}))


def part(frame: FrameType | None) -> str:
    while frame is not None:
        name = Path(frame.f_code.co_filename)
        parts = name.parts
        path = (
            "/".join(parts[parts.index("site-packages") + 1 :]) if "site-packages" in parts else ""
        )
        if not path and name.is_relative_to(ROOT):
            path = str(name.relative_to(ROOT))
        for beginning, title in PARTS.items():
            if path.startswith(beginning):
                return title
        frame = frame.f_back
    return MEASUREMENT


if __name__ == "__main__":
    main()
