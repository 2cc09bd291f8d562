#!/usr/bin/env python3
"""Measure Queue API beside what its users would run instead, and write down what came out.

Needs Python 3.11 or newer and wrk; with redis-server, the cache is measured as well.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ["comparison", "threads", "rows", "caches", "bans", "tunings", "profile"]

WRK = {"comparison", "threads", "caches"}  # measured by it


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the comparison alone, and roughly: under a minute"
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, help="these parts alone; with --quick, roughly"
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s, the least")
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[0, 100_000, 1_000_000],
        help="sizes of the table; 10000000 takes some minutes more and 5 GB of the disk",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=HERE / "results",
        help="where the tables, plots and figures go (default: benchmarks/results)",
    )
    return parser


def parts_of(arguments: argparse.Namespace) -> list[str]:
    return arguments.only or (["comparison"] if arguments.quick else PARTS)


def main() -> None:
    reader = parser()
    arguments = reader.parse_args()
    if arguments.rounds < 5:
        reader.error("--rounds must be at least 5: less says nothing of the spread.")
    if min(arguments.rows) < 0:
        reader.error("--rows can't be less than 0.")
    if WRK.intersection(parts_of(arguments)) and shutil.which("wrk") is None:
        sys.exit("wrk is missing; install it (Debian: apt-get install wrk).")
    output = arguments.output.resolve()  # as seen from here
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"Nothing can be written to {output}: {error.strerror}.")
    sys.path.insert(0, str(HERE.parent))
    import dev  # noqa: PLC0415  it is above this folder

    os.chdir(HERE.parent)
    dev.install("requirements.txt", "benchmarks/requirements.txt", folder=HERE / ".venv")
    command = ["-m", "benchmarks", *sys.argv[1:], "--output", str(output)]
    dev.become(command, dict(os.environ), folder=HERE / ".venv")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
