#!/usr/bin/env python3
"""Measure Queue API and alternatives to it, and write tables, plots and raw figures.

Needs Python 3.11 or newer and wrk; measures a shared cache too if there is a redis-server.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = [
    *("comparison", "bulk", "threads", "rows", "lists"),
    *("caches", "clients", "tunings", "profile"),
]

WRK = {"comparison", "bulk", "threads", "caches"}  # parts that need wrk


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough comparison in under a minute")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, help="these parts only; rough with --quick"
    )
    parser.add_argument("--rounds", type=int, default=5, help="default and minimum: %(default)s")
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[0, 100_000, 1_000_000],
        help="table sizes; 10000000 takes some more minutes and 5 GB of disk",
    )
    parser.add_argument(
        "--bans",
        type=int,
        nargs="+",
        default=[0, 1000, 5000, 10_000, 100_000],
        help="numbers of active bans",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=HERE / "results",
        help="folder for tables, plots and figures (default: benchmarks/results)",
    )
    return parser


def parts_of(arguments: argparse.Namespace) -> list[str]:
    return arguments.only or (["comparison", "bulk"] if arguments.quick else PARTS)


def main() -> None:
    reader = parser()
    arguments = reader.parse_args()
    if arguments.rounds < 5:
        reader.error("--rounds must be at least 5, to show the spread.")
    if min(arguments.rows) < 0:
        reader.error("--rows must not be negative.")
    if WRK.intersection(parts_of(arguments)) and shutil.which("wrk") is None:
        sys.exit("wrk is missing; install it (Debian: apt-get install wrk).")
    output = arguments.output.resolve()  # before chdir()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"Can't write to {output}: {error.strerror}.")
    sys.path.insert(0, str(HERE.parent))
    import dev  # noqa: PLC0415  in the parent folder

    os.chdir(HERE.parent)
    dev.install("requirements.txt", "benchmarks/requirements.txt", folder=HERE / ".venv")
    command = ["-m", "benchmarks", *sys.argv[1:], "--output", str(output)]
    dev.become(command, dict(os.environ), folder=HERE / ".venv")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
