#!/usr/bin/env python3
"""Measure Queue API and alternatives to it, and write tables and raw figures.

Needs Python 3.11 or newer, wrk, and for the part `caches` redis-server.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ["comparison", "clients", "bulk", "rows", "caches"]
QUICK = ["comparison", "clients"]
NEEDED = {"comparison": "wrk", "bulk": "wrk", "caches": "redis-server"}
BANS = [0, 1000, 10_000, 10_001, 100_000]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help=f"rough figures of {' and '.join(QUICK)}")
    add("--only", nargs="+", choices=PARTS, help="these parts; rough with --quick")
    add("--rounds", type=int, default=5, help="default and minimum: %(default)s")
    add(
        "--rows",
        type=int,
        nargs="+",
        default=[0, 100_000, 1_000_000],
        help="table sizes; 10000000 takes some more minutes and 5 GB of disk",
    )
    add("--bans", type=int, nargs="+", help=f"numbers of active bans (default: {BANS}; 0 if quick)")
    add("--output", type=Path, default=HERE / "results", help="a folder (default: %(default)s)")
    return parser


def parts_of(arguments: argparse.Namespace) -> list[str]:
    return arguments.only or (QUICK if arguments.quick else PARTS)


def main() -> None:
    reader = parser()
    arguments = reader.parse_args()
    if arguments.rounds < 5:
        reader.error("--rounds must be at least 5, to show the spread.")
    if min(arguments.rows + (arguments.bans or [])) < 0:
        reader.error("--rows and --bans must not be negative.")
    for program in {NEEDED[part] for part in parts_of(arguments) if part in NEEDED}:
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; install it (Debian: apt-get install {program}).")
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
