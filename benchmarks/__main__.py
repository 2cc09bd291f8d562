"""Run the benchmarks; `run.py` starts this in its virtual environment."""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine
from benchmarks.bulk import bulk
from benchmarks.caches import caches
from benchmarks.clients import clients
from benchmarks.comparison import compare
from benchmarks.effort import Effort
from benchmarks.figures import Figures, say, table
from benchmarks.rows import rows
from benchmarks.run import BANS, parser, parts_of
from benchmarks.targets import verdicts
from benchmarks.workspace import Workspace

PARTS: dict[str, Callable[[Workspace, Effort], Figures]] = {
    "comparison": compare,
    "clients": clients,
    "bulk": bulk,
    "rows": rows,
    "caches": caches,
}


def main() -> None:
    arguments = parser().parse_args()
    began = time.monotonic()
    bans = arguments.bans or ([0] if arguments.quick else BANS)
    effort = Effort(arguments.rounds, arguments.rows, bans)
    if arguments.quick:
        effort = effort.quick()
    parts: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="queueapi-benchmark-") as folder:
        say("Preparing a database ...")
        workspace = Workspace(Path(folder))
        for name in parts_of(arguments):
            parts[name] = PARTS[name](workspace, effort)
            markdown = write(parts, arguments.output)  # after each, in case the next one fails
    say(f"\n{markdown}")
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    say(f"It took {minutes} min {seconds} s. The results are in {arguments.output}.")
    if arguments.quick:
        say("They are rough.")


def write(parts: dict[str, Figures], folder: Path) -> str:
    """Write tables and raw figures to `folder`; return the tables as Markdown."""
    sections = [
        "# Results\n",
        "Medians of all rounds, with minimum and maximum in brackets.\n",
        table(["", ""], machine.description().items()),
        table(["", "floor", "goal", "measured", ""], verdicts(parts)),
    ]
    for name, figures in parts.items():
        sections += [f"## {name.capitalize()}\n", figures.table()]
    markdown = "\n".join(sections)
    (folder / "results.md").write_text(markdown, encoding="utf-8")
    raw = {name: figures.values for name, figures in parts.items()}
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
