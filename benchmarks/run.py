#!/usr/bin/env python3
"""Measure Queue API beside what its users would run instead, and write down what came out.

Needs Python 3.11 or newer and wrk; with redis-server, the cache is measured as well.
"""

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ["comparison", "threads", "rows", "caches", "bans", "tunings", "profile"]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the comparison alone, and roughly: under a minute"
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts alone"
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


if __name__ == "__main__":
    arguments = parser().parse_args()
    if arguments.rounds < 5:
        sys.exit("--rounds must be at least 5: less says nothing of the spread.")
    sys.path.insert(0, str(HERE.parent))
    import dev

    os.chdir(HERE.parent)
    dev.install("requirements.txt", "benchmarks/requirements.txt", into=HERE / ".venv")
    dev.become(["-m", "benchmarks", *sys.argv[1:]], dict(os.environ), of=HERE / ".venv")
