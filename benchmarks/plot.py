"""The figures as plots in SVG."""

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

from benchmarks.candidates import BARE, OURS, PEER
from benchmarks.figures import LABELS, Figures

OUR_COLOUR, OTHER_COLOUR, LINES = (
    "#1f6f8b",
    "#b9c4c9",
    ["#1f6f8b", "#c8553d", "#7a9e59", "#8d6a9f", "#555555"],
)
PANELS = ["cpu", "rate", "steady_p99", "memory"]

pyplot.rcParams.update(
    {
        "svg.fonttype": "none",  # texts stay texts
        "svg.hashsalt": "queueapi",  # the same figures make the same file
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def comparison(figures: Figures, path: Path) -> None:
    """A bar for each candidate with its median, and a line from the least to the most.

    Without bare Waitress, whose throughput would leave the other bars too short to compare.
    """
    names = [name for name in figures.values if name != BARE.name][::-1]
    labels = [name.replace(" that ", "\nthat ") for name in names]
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
    drawing, panels = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    throughput, latency, rows = panels
    for colour, candidate in zip(LINES, (OURS, PEER), strict=False):
        for panel, figure in ((throughput, "rate"), (latency, "p99")):
            points = {
                int(name.rpartition(", ")[2]): parts["threads"].of(name, figure)
                for name in parts["threads"].values
                if name.startswith(candidate.name)
            }
            line(panel, points, candidate.name, colour)
            panel.set_xscale("log", base=2)
            panel.set_xticks(list(points), [str(number) for number in points])
            panel.set_xlabel("threads")
            panel.set_title(LABELS[figure], loc="left", fontsize=10)
    of_rows = parts["rows"]
    in_microseconds = {"wall": "POST /api/queue", "insert": "its INSERT"}
    for colour, name in zip(LINES, of_rows.of_all()[1:], strict=True):
        points = {
            int(size): [
                v / (1000 if name in in_microseconds else 1) for v in of_rows.of(size, name)
            ]
            for size in of_rows.values
        }
        line(rows, points, in_microseconds.get(name, name), colour)
    rows.set_xscale("symlog", linthresh=10_000)
    rows.set_yscale("log")
    rows.set_xlabel("rows in the table")
    rows.set_title("time of one request, in process (ms)", loc="left", fontsize=10)
    for panel in panels:
        panel.legend(frameon=False, fontsize=8)
    for panel in (throughput, latency):
        panel.set_ylim(bottom=0)
    save(drawing, path)


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
