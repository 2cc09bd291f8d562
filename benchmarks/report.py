"""The figures as tables in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.candidates import MINIMAL, OURS, PEER
from benchmarks.figures import LABELS, Figures
from benchmarks.tunings import AS_IT_IS

COMPARED = ["cpu", "rate", "p50", "p99", "steady_p50", "steady_p99", "memory"]


@dataclass(frozen=True)
class Target:
    """A ratio, and what it has to be: at least `floor`, or at most if `floor` is above `goal`."""

    title: str
    figure: str
    above: str
    below: str
    floor: float
    goal: float

    def verdict(self, ratio: float) -> str:
        sign = 1 if self.goal > self.floor else -1
        if sign * ratio >= sign * self.goal:
            return "goal met"
        return "floor met" if sign * ratio >= sign * self.floor else "missed"


TARGETS = [
    Target("CPU of a POST, peer / ours", "cpu", PEER.name, OURS.name, 1.5, 2.3),
    Target("throughput, ours / peer", "rate", OURS.name, PEER.name, 1.3, 1.8),
    Target("throughput, ours / minimal Django view", "rate", OURS.name, MINIMAL.name, 0.6, 0.8),
    Target("p99 at 50 requests/s, ours / peer", "steady_p99", OURS.name, PEER.name, 1.1, 1.0),
    Target("resident memory, ours / peer", "memory", OURS.name, PEER.name, 1.3, 1.0),
]
MORE_ROWS = Target("time of a POST, 1,000,000 rows / 0 rows", "wall", "1000000", "0", 1.3, 1.1)


def targets(comparison: Figures, rows: Figures | None) -> str:
    lines = []
    figures = dict.fromkeys(TARGETS, comparison)
    if rows and {MORE_ROWS.above, MORE_ROWS.below} <= rows.values.keys():
        figures[MORE_ROWS] = rows
    for target, source in figures.items():
        ratios = source.ratios(target.figure, target.above, target.below)
        lines.append(
            (
                target.title,
                f"{target.floor}",
                f"{target.goal}",
                f"**{median(ratios):.2f}** ({spread(ratios, 2)})",
                target.verdict(median(ratios)),
            )
        )
    return table(["ratio", "floor", "goal", "measured", ""], lines)


def comparison(figures: Figures) -> str:
    names = list(figures.values)
    return table(
        ["", *names],
        [
            (LABELS[figure], *(cell(figures.of(name, figure)) for name in names))
            for figure in COMPARED
        ],
    )


def curve(figures: Figures, subject: str, labels: dict[str, str] = LABELS) -> str:
    names = figures.of_all()
    return table(
        [subject, *(labels.get(name, f"{name} (ms)") for name in names)],
        [
            (
                f"{int(row):,}" if row.isdigit() else row,
                *(cell(figures.of(row, name)) for name in names),
            )
            for row in figures.values
        ],
    )


def tunings(figures: Figures) -> str:
    return table(
        ["", LABELS["cpu"], "of what it is"],
        [
            (
                title,
                cell(figures.of(title, "cpu")),
                f"{median(ratios := figures.ratios('cpu', title, AS_IT_IS)):.2f} "
                f"({spread(ratios, 2)})",
            )
            for title in figures.values
        ],
    )


def profile(shares: dict[str, dict[str, float]]) -> str:
    titles = sorted(
        {title for of in shares.values() for title in of},
        key=lambda t: -shares[OURS.name].get(t, 0),
    )
    return table(
        ["share of the CPU of a POST", *shares],
        [
            (title, *(f"{of[title]:.0%}" if title in of else "" for of in shares.values()))
            for title in titles
        ],
    )


def cell(values: Sequence[float]) -> str:
    digits = 0 if median(values) >= 100 else 1
    return f"{median(values):,.{digits}f} ({spread(values, digits)})"


def spread(values: Sequence[float], digits: int) -> str:
    return f"{min(values):,.{digits}f}–{max(values):,.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
