"""The machine and the software of a run."""

import platform
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.workspace import ROOT

PACKAGES = [
    *("Django", "djangorestframework", "django-ratelimit", "waitress"),
    *("Flask", "Flask-SQLAlchemy", "Flask-Limiter", "SQLAlchemy"),
]


def description() -> dict[str, str]:
    """Return labels and values that are needed to reproduce a run."""
    import sqlite3  # noqa: PLC0415  for its version

    return {
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "commit": commit(),
        "machine": f"{processor()}, {psutil.cpu_count()} processors, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory",
        "system": platform.platform(terse=True),
        "Python": f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "wrk": wrk_version(),
    }


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
        )
        return done.stdout.strip()

    name = git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{name}, with changes" if git("status", "--porcelain") else name


def wrk_version() -> str:
    # `wrk --version` also prints its usage and exits with 1.
    done = subprocess.run(["wrk", "--version"], check=False, capture_output=True, text=True)
    return done.stdout.partition("[")[0].strip()
