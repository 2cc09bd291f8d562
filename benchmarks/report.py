"""Markdown tables of the figures."""

from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.candidates import OURS
from benchmarks.figures import LABELS, Figures

COMPARED = ["cpu", "rate", "p50", "p99", "steady_p50", "steady_p99", "memory"]


def comparison(figures: Figures) -> str:
    names = list(figures.values)
    return table(
        ["", *names],
        [
            (LABELS[figure], *(cell(figures.of(name, figure)) for name in names))
            for figure in COMPARED
        ],
    )


def ratio(figures: Figures, name: str, above: str, below: str) -> str:
    """Return two subjects and their ratio."""
    ratios = figures.ratios(name, above, below)
    return table(
        ["", LABELS[name]],
        [
            *((subject, cell(figures.of(subject, name))) for subject in (below, above)),
            ("ratio", f"{median(ratios):.1f} ({spread(ratios, 1)})"),
        ],
    )


def curve(figures: Figures, subject: str) -> str:
    names = figures.names()
    return table(
        [subject, *(LABELS.get(name, name) for name in names)],
        [
            (
                f"{int(row):,}" if row.isdigit() else row,
                *(cell(figures.of(row, name)) for name in names),
            )
            for row in figures.values
        ],
    )


def tunings(figures: Figures) -> str:
    baseline = next(iter(figures.values))
    return table(
        ["", LABELS["cpu"], "relative CPU", LABELS["wall"]],
        [
            (
                title,
                cell(figures.of(title, "cpu")),
                f"{median(ratios := figures.ratios('cpu', title, baseline)):.2f} "
                f"({spread(ratios, 2)})",
                cell(figures.of(title, "wall")),
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
