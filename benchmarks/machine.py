"""The machine and the software of a run."""

import platform
import sqlite3
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
    commit = output("git", "rev-parse", "--short", "HEAD").strip() or "unknown"
    changes = ", with changes" if output("git", "status", "--porcelain") else ""
    return {
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "commit": commit + changes,
        "machine": f"{processor()}, {psutil.cpu_count()} processors, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory",
        "system": platform.platform(terse=True),
        "Python": f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout
