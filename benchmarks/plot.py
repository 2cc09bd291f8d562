"""SVG plots of the figures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

from benchmarks.candidates import BARE, OURS, PEER
from benchmarks.figures import LABELS, Figures

OUR_COLOUR, OTHER_COLOUR = "#1f6f8b", "#b9c4c9"
LINES = [
    *(OUR_COLOUR, "#c8553d", "#7a9e59", "#8d6a9f", "#555555", "#d9a441"),
    *("#4f9da6", "#b0578d", "#a1866f"),
]
PANELS = ["cpu", "rate", "steady_p99", "memory"]

pyplot.rcParams.update(
    {
        "svg.fonttype": "none",  # text elements, not paths
        "svg.hashsalt": "queueapi",  # reproducible ids
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def comparison(figures: Figures, path: Path) -> None:
    """Draw a bar for each candidate's median, and a line from the minimum to the maximum.

    Leaves out bare Waitress, whose throughput would make the other bars too short to compare.
    """
    names = [name for name in figures.values if name != BARE.name][::-1]
    labels = [name.replace(" with ", "\nwith ") for name in names]
    drawing, panels = pyplot.subplots(2, 2, figsize=(12, 5), layout="constrained")
    for figure, panel in zip(PANELS, panels.flat, strict=True):
        values = [figures.of(name, figure) for name in names]
        medians = [median(v) for v in values]
        panel.barh(
            labels,
            medians,
            xerr=[
                [m - min(v) for m, v in zip(medians, values, strict=True)],
                [max(v) - m for m, v in zip(medians, values, strict=True)],
            ],
            color=[OUR_COLOUR if name == OURS.name else OTHER_COLOUR for name in names],
            error_kw={"elinewidth": 1, "ecolor": "#444444"},
        )
        panel.set_title(LABELS[figure], loc="left", fontsize=10)
    save(drawing, path)


def curves(parts: dict[str, Figures], path: Path) -> None:
    """Draw a panel for each part that was measured."""
    draws: list[Callable[[Any], None]] = []
    if "threads" in parts:
        draws += [partial(by_threads, parts["threads"], figure) for figure in ("rate", "p99")]
    if "rows" in parts:
        draws.append(partial(by_rows, parts["rows"]))
    draws += [partial(by_name, parts[part]) for part in ("caches",) if part in parts]
    if not draws:
        return
    drawing, panels = pyplot.subplots(
        1, len(draws), figsize=(4.6 * len(draws), 4), layout="constrained", squeeze=False
    )
    for draw, panel in zip(draws, panels.flat, strict=True):
        draw(panel)
    save(drawing, path)


def by_threads(figures: Figures, figure: str, panel: Any) -> None:
    for colour, candidate in zip(LINES, (OURS, PEER), strict=False):
        points = {
            int(name.rpartition(", ")[2]): figures.of(name, figure)
            for name in figures.values
            if name.startswith(candidate.name)
        }
        line(panel, points, candidate.name, colour)
        panel.set_xscale("log", base=2)
        panel.set_xticks(list(points), [str(number) for number in points])
    panel.set_xlabel("threads")
    panel.set_ylim(bottom=0)
    panel.set_title(LABELS[figure], loc="left", fontsize=10)
    panel.legend(frameon=False, fontsize=8)


def by_rows(figures: Figures, panel: Any) -> None:
    in_microseconds = {"wall": "POST /api/queue", "insert": "its INSERT"}
    for colour, name in zip(LINES, figures.names()[1:], strict=True):
        unit = 1000 if name in in_microseconds else 1
        points = {int(size): [v / unit for v in figures.of(size, name)] for size in figures.values}
        line(panel, points, in_microseconds.get(name, name), colour)
    panel.set_xscale("symlog", linthresh=10_000)
    panel.set_yscale("log")
    panel.set_xlabel("rows in the table")
    panel.set_title("time of one request, in process (ms)", loc="left", fontsize=10)
    panel.legend(frameon=False, fontsize=8)


def by_name(figures: Figures, panel: Any) -> None:
    names = list(figures.values)[::-1]
    labels = [name.replace(", ", ",\n") for name in names]
    panel.barh(labels, [median(figures.of(name, "cpu")) for name in names], color=OUR_COLOUR)
    panel.set_title(LABELS["cpu"], loc="left", fontsize=10)


def line(panel: Any, points: dict[int, list[float]], name: str, colour: str) -> None:
    x = sorted(points)
    panel.plot(x, [median(points[i]) for i in x], "o-", color=colour, label=name, markersize=4)
    panel.fill_between(
        x,
        [min(points[i]) for i in x],
        [max(points[i]) for i in x],
        color=colour,
        alpha=0.15,
        linewidth=0,
    )


def save(drawing: Any, path: Path) -> None:
    drawing.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(drawing)
