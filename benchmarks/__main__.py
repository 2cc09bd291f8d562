"""What `run.py` starts in an environment that has all it needs."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import agreement, curves, machine, plot, profile, report, targets
from benchmarks.candidates import BARE, CANDIDATES, MINIMAL, OURS, PEER
from benchmarks.comparison import Effort, compare
from benchmarks.figures import Figures, say
from benchmarks.place import Place
from benchmarks.run import parser, parts_of
from benchmarks.tunings import tunings


def main() -> None:
    arguments = parser().parse_args()
    began = time.monotonic()
    parts = parts_of(arguments)
    if arguments.quick:
        effort = Effort(arguments.rounds, calls=100, seconds=1, steady_seconds=0.6)
    else:
        effort = Effort(arguments.rounds, calls=400, seconds=4, steady_seconds=10)
    figures: dict[str, Any] = {"machine": machine.description()}
    with tempfile.TemporaryDirectory(prefix="queueapi-benchmark-") as folder:
        say("Preparing a database ...")
        place = Place(Path(folder))
        measure: dict[str, Callable[[], Any]] = {
            "comparison": lambda: comparison(place, effort, arguments.quick),
            "threads": lambda: curves.threads(place, effort),
            "rows": lambda: curves.rows(place, effort, arguments.rows),
            "caches": lambda: curves.caches(place, effort),
            "bans": lambda: curves.bans(place, effort),
            "tunings": lambda: tunings(place, effort),
            "profile": lambda: shares_of_time(place, effort),
        }
        for part in parts:
            figures[part] = measure[part]()
            markdown = write(figures, arguments.output)  # each time, so that no failure loses it
    say("")
    say(markdown)
    if arguments.quick:
        say("This is rough: a p99 at 50 requests/s is the slowest of 30 requests.\n")
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    say(f"This took {minutes} min {seconds} s. It is in {arguments.output}.")


def comparison(place: Place, effort: Effort, is_quick: bool) -> Figures:
    agreement.check(place)
    return compare(place, [OURS, PEER, MINIMAL, BARE] if is_quick else CANDIDATES, effort)


def shares_of_time(place: Place, effort: Effort) -> dict[str, dict[str, float]]:
    say("Profile: taking samples ...")
    times = 50 * effort.calls
    return {
        candidate.name: profile.shares(candidate, place, times) for candidate in (OURS, MINIMAL)
    }


def write(figures: dict[str, Any], folder: Path) -> str:
    """Tables, plots and the raw figures into `folder`; returns the tables."""
    for name in ("comparison.svg", "curves.svg"):
        (folder / name).unlink(missing_ok=True)  # of an earlier run, which may have had other parts
    sections = [
        "# Measured\n",
        "Medians of all rounds, and in brackets the least and the most.\n",
        report.table(["", ""], list(figures["machine"].items())),
    ]
    if "comparison" in figures:
        sections += [
            "## Ratios\n",
            targets.verdicts(figures["comparison"], figures.get("rows")),
            "## Figures\n",
            report.comparison(figures["comparison"]),
        ]
        plot.comparison(figures["comparison"], folder / "comparison.svg")
    for name, subject in (
        ("threads", "threads"),
        ("rows", "rows"),
        ("caches", "counters in"),
        ("bans", ""),
    ):
        if name in figures and figures[name].values:
            sections += [f"## {name.capitalize()}\n", report.curve(figures[name], subject)]
    if "tunings" in figures:
        sections += ["## Tunings\n", report.tunings(figures["tunings"])]
    if "profile" in figures:
        sections += ["## Where the time goes\n", report.profile(figures["profile"])]
    plot.curves(figures, folder / "curves.svg")
    markdown = "\n".join(sections)
    (folder / "results.md").write_text(markdown, encoding="utf-8")
    raw = {
        name: part.values if isinstance(part, Figures) else part for name, part in figures.items()
    }
    (folder / "results.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    return markdown


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # what was started is stopped first
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
