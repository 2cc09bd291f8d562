"""Where the time of one POST goes: what runs when the process's CPU clock strikes, many times.

A sampler and not cProfile, since that makes calls dear and would blame whoever makes many. The
code of Python itself counts for whoever called it.
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
from benchmarks.place import ROOT, Place, environment
from benchmarks.worker import call, wsgi_environ

EVERY = 0.001  # seconds of CPU

# The innermost of these that a sample is in has it. The first that fits names it.
OWNERS = {
    "benchmarks/validation": "validation",
    "benchmarks/minimal_django": "Django's handler, request, response, routing",
    "benchmarks/": "the measuring itself",
    "django/db/backends/": "the INSERT: the database and its driver",
    "django/db/": "the INSERT: Django's ORM",
    "queues/models": "the INSERT: Django's ORM",
    "queueapi/fields": "the INSERT: Django's ORM",
    "queueapi/database/": "the INSERT: Django's ORM",
    "rest_framework/serializers": "validation",
    "rest_framework/fields": "validation",
    "rest_framework/validators": "validation",
    "queueapi/serializers": "validation",
    "queues/serializers": "validation",
    "django/core/validators": "validation",
    "django_ratelimit/": "the rate limit",
    "security/throttling": "the rate limit",
    "django/core/cache/backends/": "the rate limit",
    "django/core/cache/": "Django's handler, request, response, routing",
    "security/": "bans, keys and addresses",
    "rest_framework/": "DRF: dispatch, request, response",
    "queueapi/parsers": "DRF: dispatch, request, response",
    "queueapi/negotiation": "DRF: dispatch, request, response",
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


def shares(candidate: Candidate, place: Place, times: int) -> dict[str, float]:
    """What has which share of the CPU of so many pushes."""
    return json.loads(  # type: ignore[no-any-return]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.profile", candidate.module, f"--times={times}"],
            cwd=ROOT,
            env=environment(place.database(f"{candidate.name} profile"), candidate.environment),
            check=True,
            input=json.dumps(place.push) + "\n",
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
        samples[owner(frame)] += 1

    signal.signal(signal.SIGPROF, sample)
    for number in range(arguments.times):
        if number == arguments.times // 20:  # warm by now
            signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        call(application, wsgi_environ(**request))
    signal.setitimer(signal.ITIMER_PROF, 0)
    samples.pop("the measuring itself", None)
    total = samples.total()
    print(json.dumps({name: number / total for name, number in samples.most_common()}))


def owner(frame: FrameType | None) -> str:
    while frame is not None:
        name = Path(frame.f_code.co_filename)
        parts = name.parts
        path = (
            "/".join(parts[parts.index("site-packages") + 1 :]) if "site-packages" in parts else ""
        )
        if not path and name.is_relative_to(ROOT):
            path = str(name.relative_to(ROOT))
        for beginning, title in OWNERS.items():
            if path.startswith(beginning):
                return title
        frame = frame.f_back
    return "the measuring itself"


if __name__ == "__main__":
    main()
