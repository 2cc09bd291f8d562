"""Floors and goals of the ratios."""

from dataclasses import dataclass
from statistics import median

from benchmarks.bulk import BULK, SINGLE
from benchmarks.candidates import MINIMAL, OURS, PEER
from benchmarks.figures import Figures
from benchmarks.report import spread, table


@dataclass(frozen=True)
class Target:
    """A ratio with its limits: a minimum, or a maximum if `floor` is above `goal`."""

    title: str
    figure: str
    numerator: str
    denominator: str
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
MANY = Target("items per second, bulks / single posts", "items", BULK, SINGLE, 15, 18)


def verdicts(comparison: Figures, rows: Figures | None, bulk: Figures | None) -> str:
    lines = []
    figures = dict.fromkeys(TARGETS, comparison)
    if rows and {MORE_ROWS.numerator, MORE_ROWS.denominator} <= rows.values.keys():
        figures[MORE_ROWS] = rows
    if bulk:
        figures[MANY] = bulk
    for target, source in figures.items():
        ratios = source.ratios(target.figure, target.numerator, target.denominator)
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
