"""Run the benchmarks; `run.py` starts this in its virtual environment."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import conformance, curves, lists, machine, plot, profile, report, targets
from benchmarks.bulk import BULK, SINGLE, bulk
from benchmarks.candidates import CANDIDATES, HARD_PEER, MINIMAL, OURS, PEER
from benchmarks.clients import clients
from benchmarks.comparison import Effort, compare
from benchmarks.figures import Figures, say
from benchmarks.run import parser, parts_of
from benchmarks.tunings import tunings
from benchmarks.workspace import Workspace


def main() -> None:
    arguments = parser().parse_args()
    began = time.monotonic()
    parts = parts_of(arguments)
    if arguments.quick:
        effort = Effort(
            arguments.rounds, calls=100, seconds=1, steady_seconds=0.6, clients_seconds=5
        )
    else:
        effort = Effort(
            arguments.rounds, calls=400, seconds=4, steady_seconds=10, clients_seconds=60
        )
    figures: dict[str, Any] = {"machine": machine.description()}
    with tempfile.TemporaryDirectory(prefix="queueapi-benchmark-") as folder:
        say("Preparing a database ...")
        workspace = Workspace(Path(folder))
        measure: dict[str, Callable[[], Any]] = {
            "comparison": lambda: comparison(workspace, effort, arguments.quick),
            "bulk": lambda: bulk(workspace, effort),
            "threads": lambda: curves.threads(workspace, effort),
            "rows": lambda: curves.rows(workspace, effort, arguments.rows),
            "lists": lambda: lists.lists(workspace, effort),
            "caches": lambda: curves.caches(workspace, effort),
            "clients": lambda: clients(workspace, effort, arguments.bans),
            "tunings": lambda: tunings(workspace, effort),
            "profile": lambda: cpu_shares(workspace, effort),
        }
        for part in parts:
            figures[part] = measure[part]()
            markdown = write(
                figures, arguments.output
            )  # after each part, in case the next one fails
    say("")
    say(markdown)
    if arguments.quick:
        say("Rough figures: the p99 at 50 requests/s is the slowest of 30 requests.\n")
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    say(f"It took {minutes} min {seconds} s. The results are in {arguments.output}.")


def comparison(workspace: Workspace, effort: Effort, is_quick: bool) -> Figures:
    conformance.check(workspace)
    return compare(workspace, [OURS, PEER, HARD_PEER, MINIMAL] if is_quick else CANDIDATES, effort)


def cpu_shares(workspace: Workspace, effort: Effort) -> dict[str, dict[str, float]]:
    say("Profile: taking samples ...")
    times = 50 * effort.calls
    return {
        candidate.name: profile.shares(candidate, workspace, times) for candidate in (OURS, MINIMAL)
    }


def write(figures: dict[str, Any], folder: Path) -> str:
    """Write tables, plots and raw figures to `folder`; return the tables as Markdown."""
    for name in ("comparison.svg", "curves.svg"):
        (folder / name).unlink(missing_ok=True)  # of an earlier run with other parts
    sections = [
        "# Results\n",
        "Medians of all rounds, with minimum and maximum in brackets.\n",
        report.table(["", ""], list(figures["machine"].items())),
    ]
    if "comparison" in figures:
        sections += [
            "## Ratios\n",
            targets.verdicts(figures["comparison"], figures.get("rows"), figures.get("bulk")),
            "## Figures\n",
            report.comparison(figures["comparison"]),
        ]
        plot.comparison(figures["comparison"], folder / "comparison.svg")
    if "bulk" in figures:
        sections += ["## Bulk\n", report.ratio(figures["bulk"], "items", BULK, SINGLE)]
    for name, subject in (
        ("threads", "threads"),
        ("rows", "rows"),
        ("caches", "counters in"),
        ("clients", "CPU of a push (µs)"),
    ):
        if name in figures and figures[name].values:
            sections += [f"## {name.capitalize()}\n", report.curve(figures[name], subject)]
    if "lists" in figures:
        sections += ["## Lists\n", lists.verdicts(figures["lists"])]
    if "tunings" in figures:
        sections += ["## Tunings\n", report.tunings(figures["tunings"])]
    if "profile" in figures:
        sections += ["## CPU profile\n", report.profile(figures["profile"])]
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
        if hasattr(signal, name):  # exits through the `with` blocks, which stop child processes
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
